declare global {
	// eslint-disable-next-line @typescript-eslint/no-namespace
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
