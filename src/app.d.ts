declare global {
	namespace App {
		interface Locals {
			app: import('#lib/server/app.ts').App;
			/** Token or cookie were right, or none is needed. */
			signedIn: boolean;
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
