CREATE TABLE "pull_looks" (
	"session_id" uuid PRIMARY KEY NOT NULL,
	"pull" jsonb,
	"answers" jsonb NOT NULL,
	"pushed_commit" text,
	"checked_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "pull_looks" ADD CONSTRAINT "pull_looks_session_id_sessions_id_fk" FOREIGN KEY ("session_id") REFERENCES "public"."sessions"("id") ON DELETE cascade ON UPDATE no action;