/** What `GET /metrics` says, read by a parser that is not ours. */
import { createRequire } from 'node:module';

interface Family {
	name: string;
	type: string;
	help: string;
	metrics: {
		value?: string;
		labels?: Record<string, string>;
		buckets?: Record<string, string>;
		count?: string;
		sum?: string;
	}[];
}

const require = createRequire(import.meta.url);
const parse = require('parse-prometheus-text-format') as (text: string) => Family[];

export class Scrape {
	readonly families: Map<string, Family>;

	constructor(text: string) {
		this.families = new Map(parse(text).map((family) => [family.name, family]));
	}

	/** Sum of the series with these labels; 0 when there is none. */
	value(name: string, labels: Record<string, string> = {}): number {
		const metrics = this.families.get(name)?.metrics ?? [];
		return metrics
			.filter((metric) =>
				Object.entries(labels).every(([label, value]) => metric.labels?.[label] === value)
			)
			.reduce((sum, { value }) => sum + Number(value ?? 0), 0);
	}

	/** How many observations the histogram has. */
	observed(name: string): number {
		const metrics = this.families.get(name)?.metrics ?? [];
		return metrics.reduce((sum, { buckets }) => sum + Number(buckets?.['+Inf'] ?? 0), 0);
	}
}
