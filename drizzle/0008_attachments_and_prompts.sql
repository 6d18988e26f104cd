CREATE TABLE "attachments" (
	"id" uuid PRIMARY KEY NOT NULL,
	"session_id" uuid NOT NULL,
	"facts" jsonb NOT NULL,
	"body" "bytea" NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "saved_prompts" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"text" text NOT NULL,
	"updated_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
DROP INDEX "events_boundaries";--> statement-breakpoint
ALTER TABLE "attachments" ADD CONSTRAINT "attachments_session_id_sessions_id_fk" FOREIGN KEY ("session_id") REFERENCES "public"."sessions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "attachments_session" ON "attachments" USING btree ("session_id");--> statement-breakpoint
CREATE INDEX "events_boundaries" ON "events" USING btree ("session_id","seq") WHERE (type in ('session.created', 'session.start_requested', 'session.idled', 'session.stopped', 'session.finished', 'session.failed', 'message.accepted', 'interrupt.requested', 'runner.turn_started', 'runner.turn_ended', 'runner.command_unknown_outcome', 'runner.message_steered', 'message.removed') or type like 'claude.result%');