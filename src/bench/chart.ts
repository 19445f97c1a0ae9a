import { formatMs } from './format.js';
import { PUBLISHED } from './published.js';
import type { BenchResult } from './result.js';

const ROW_HEIGHT_PX = 26;

/**
 * Draws median times as points over a logarithmic axis: ours, and in another shape and colour what
 * the seed published. Points, since a bar has no foot on such an axis.
 *
 * @returns An SVG document.
 */
export async function latencyChart(result: BenchResult): Promise<string> {
  const echarts = await import('echarts');
  const points = [
    ...result.rows.map((row) => ({ name: row.id, ms: row.p50Ms, published: false })),
    ...PUBLISHED.map((row) => ({
      name: `${row.model} ${row.precision}, ${row.device}`,
      ms: row.ms,
      published: true,
    })),
  ];
  const height = 110 + points.length * ROW_HEIGHT_PX;
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: 900, height });
  const series = (name: string, published: boolean, color: string, symbol: string) => ({
    type: 'scatter' as const,
    name,
    symbol,
    symbolSize: 10,
    itemStyle: { color },
    label: { show: true, position: 'right' as const, color: '#333333', formatter: labelOf },
    data: points.flatMap(({ name: row, ms, published: is }) =>
      is === published ? [[ms, row]] : [],
    ),
  });
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    title: { text: `Median latency, ${result.board}`, left: 'center' },
    legend: { bottom: 6, itemGap: 40 },
    grid: { left: 300, right: 90, top: 40, bottom: 70 },
    xAxis: { type: 'log', name: 'ms' },
    yAxis: {
      type: 'category',
      inverse: true,
      data: points.map(({ name }) => name),
      splitLine: { show: true, lineStyle: { color: '#eeeeee' } },
    },
    series: [
      series('measured', false, '#2f6f9f', 'circle'),
      series('published by the seed', true, '#b06a2c', 'diamond'),
    ],
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}

function labelOf({ value }: { value?: unknown }): string {
  const [ms] = value as [number, string];
  return `${formatMs(ms)} ms`;
}
