declare global {
	namespace App {
		interface Locals {
			app: import('#lib/server/app.ts').App;
			/** Why the request failed, when it threw. */
			failure?: import('@agent-manager/protocol/errors.ts').WireError;
		}
		interface Error {
			message: string;
			code?: string;
			hint?: string;
		}
	}
}

export {};
