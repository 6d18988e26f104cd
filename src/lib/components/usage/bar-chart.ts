/** The one kind of chart that the app draws: stacked bars over days, in the theme's colours. */
import {
	BarController,
	BarElement,
	CategoryScale,
	Chart,
	LinearScale,
	Tooltip,
	type ChartConfiguration
} from 'chart.js';

Chart.register(BarController, BarElement, CategoryScale, LinearScale, Tooltip);

export interface BarSeries {
	label: string;
	/** Name of a colour token, such as `--accent`. */
	color: string;
	values: number[];
}

export interface BarChartData {
	labels: string[];
	series: BarSeries[];
	/** How a value is written. */
	show: (value: number) => string;
}

const token = (name: string): string =>
	getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const configuration = ({ labels, series, show }: BarChartData): ChartConfiguration<'bar'> => {
	const font = { family: getComputedStyle(document.body).fontFamily, size: 11 };
	return {
		type: 'bar',
		data: {
			labels,
			datasets: series.map(({ label, color, values }) => ({
				label,
				data: values,
				backgroundColor: token(color),
				maxBarThickness: 36,
				borderRadius: 2
			}))
		},
		options: {
			animation: false,
			maintainAspectRatio: false,
			interaction: { mode: 'index', intersect: false },
			plugins: {
				tooltip: {
					backgroundColor: token('--text'),
					titleColor: token('--background'),
					bodyColor: token('--background'),
					...{ titleFont: font, bodyFont: font, boxPadding: 4 },
					callbacks: {
						label: ({ dataset, parsed }) => `${dataset.label}: ${show(parsed.y ?? 0)}`
					}
				}
			},
			scales: {
				x: {
					stacked: true,
					border: { color: token('--border') },
					grid: { display: false },
					ticks: { color: token('--text-muted'), font, maxRotation: 0, autoSkipPadding: 12 }
				},
				y: {
					stacked: true,
					beginAtZero: true,
					border: { display: false },
					grid: { color: token('--border') },
					ticks: {
						...{ color: token('--text-muted'), font, maxTicksLimit: 5 },
						callback: (value) => show(Number(value))
					}
				}
			}
		}
	};
};

/** Draws into the canvas, again at each change of the theme. Returns the function that takes it away. */
export const drawBarChart = (canvas: HTMLCanvasElement, data: BarChartData): (() => void) => {
	let chart = new Chart(canvas, configuration(data));
	const themes = new MutationObserver(() => {
		chart.destroy();
		chart = new Chart(canvas, configuration(data));
	});
	themes.observe(document.documentElement, { attributeFilter: ['class'] });
	return () => {
		themes.disconnect();
		chart.destroy();
	};
};
