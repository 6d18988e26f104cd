ALTER TABLE "sessions" ADD COLUMN "started_by" uuid;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "base_session_id" uuid;