CREATE TABLE "commands" (
	"id" uuid PRIMARY KEY NOT NULL,
	"request_hash" text NOT NULL,
	"session_id" uuid,
	"answer" json NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "event_bodies" (
	"session_id" uuid NOT NULL,
	"seq" bigint NOT NULL,
	"body" text NOT NULL,
	CONSTRAINT "event_bodies_session_id_seq_pk" PRIMARY KEY("session_id","seq")
);
--> statement-breakpoint
CREATE TABLE "events" (
	"session_id" uuid NOT NULL,
	"seq" bigint NOT NULL,
	"n" bigint,
	"ts" timestamp with time zone NOT NULL,
	"source" text NOT NULL,
	"type" text NOT NULL,
	"payload" jsonb NOT NULL,
	"marks" jsonb,
	CONSTRAINT "events_session_id_seq_pk" PRIMARY KEY("session_id","seq"),
	CONSTRAINT "events_n" UNIQUE("session_id","n")
);
--> statement-breakpoint
CREATE TABLE "model_calls" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"session_id" uuid NOT NULL,
	"ts" timestamp with time zone DEFAULT now() NOT NULL,
	"model" text NOT NULL,
	"input_tokens" integer NOT NULL,
	"output_tokens" integer NOT NULL,
	"cache_read_tokens" integer NOT NULL,
	"cache_write_tokens" integer NOT NULL,
	"complete" boolean NOT NULL
);
--> statement-breakpoint
CREATE TABLE "repos" (
	"id" uuid PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"identity" text NOT NULL,
	"owner" text NOT NULL,
	"name" text NOT NULL,
	"url" text NOT NULL,
	"web_url" text,
	"mirror_path" text NOT NULL,
	"default_branch" text,
	"branches" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"status" text NOT NULL,
	"error" jsonb,
	"fetched_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "runner_commands" (
	"session_id" uuid NOT NULL,
	"num" integer NOT NULL,
	"command" jsonb NOT NULL,
	"taken_at" timestamp with time zone,
	CONSTRAINT "runner_commands_session_id_num_pk" PRIMARY KEY("session_id","num")
);
--> statement-breakpoint
CREATE TABLE "sessions" (
	"id" uuid PRIMARY KEY NOT NULL,
	"repo_id" uuid NOT NULL,
	"role" text NOT NULL,
	"title" text NOT NULL,
	"goal_prompt" text NOT NULL,
	"additional_instructions" text,
	"branch_name" text NOT NULL,
	"base_branch" text NOT NULL,
	"model" text,
	"permission_mode" text NOT NULL,
	"conversation_id" uuid NOT NULL,
	"epoch" integer DEFAULT 0 NOT NULL,
	"status" text NOT NULL,
	"state" jsonb NOT NULL,
	"last_seq" bigint DEFAULT 0 NOT NULL,
	"last_n" bigint DEFAULT 0 NOT NULL,
	"last_command" integer DEFAULT 0 NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "model_calls" ADD CONSTRAINT "model_calls_session_id_sessions_id_fk" FOREIGN KEY ("session_id") REFERENCES "public"."sessions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "runner_commands" ADD CONSTRAINT "runner_commands_session_id_sessions_id_fk" FOREIGN KEY ("session_id") REFERENCES "public"."sessions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_repo_id_repos_id_fk" FOREIGN KEY ("repo_id") REFERENCES "public"."repos"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "model_calls_session" ON "model_calls" USING btree ("session_id","ts");--> statement-breakpoint
CREATE UNIQUE INDEX "repos_identity" ON "repos" USING btree ("identity");--> statement-breakpoint
CREATE INDEX "sessions_repo" ON "sessions" USING btree ("repo_id","created_at");--> statement-breakpoint
CREATE UNIQUE INDEX "sessions_branch" ON "sessions" USING btree ("repo_id","branch_name");--> statement-breakpoint
CREATE UNIQUE INDEX "sessions_live_orchestrator" ON "sessions" USING btree ("repo_id") WHERE role = 'orchestrator' and status in ('starting', 'running', 'waiting');