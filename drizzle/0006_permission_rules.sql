CREATE TABLE "permission_rules" (
	"repo_id" uuid NOT NULL,
	"rule" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "permission_rules_repo_id_rule_pk" PRIMARY KEY("repo_id","rule")
);
--> statement-breakpoint
ALTER TABLE "permission_rules" ADD CONSTRAINT "permission_rules_repo_id_repos_id_fk" FOREIGN KEY ("repo_id") REFERENCES "public"."repos"("id") ON DELETE cascade ON UPDATE no action;