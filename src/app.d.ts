declare global {
	namespace App {
		interface Locals {
			app: import('#lib/server/app.ts').App;
		}
		interface Error {
			message: string;
			code?: string;
			hint?: string;
		}
	}
}

export {};
