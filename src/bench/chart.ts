import { PUBLISHED } from './published.js';
import type { BenchResult } from './result.js';

const ROW_HEIGHT_PX = 26;

/**
 * Draws median times as bars over a logarithmic axis: ours, and in another colour what the seed
 * published.
 *
 * @returns An SVG document.
 */
export async function latencyChart(result: BenchResult): Promise<string> {
  const echarts = await import('echarts');
  const bars = [
    ...result.rows.map((row) => ({ name: row.id, ms: row.p50Ms, published: false })),
    ...PUBLISHED.map((row) => ({
      name: `${row.model} ${row.precision}, ${row.device}`,
      ms: row.ms,
      published: true,
    })),
  ];
  const height = 110 + bars.length * ROW_HEIGHT_PX;
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: 900, height });
  const series = (name: string, published: boolean, color: string) => ({
    type: 'bar' as const,
    name,
    color,
    stack: 'one bar a row',
    label: { show: true, position: 'right' as const, formatter: '{c} ms' },
    data: bars.map((bar) => (bar.published === published ? Number(bar.ms.toPrecision(3)) : null)),
  });
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    title: { text: `Median latency, ${result.board}`, left: 'center' },
    legend: { bottom: 6 },
    grid: { left: 300, right: 90, top: 40, bottom: 70 },
    xAxis: { type: 'log', name: 'ms', min: 0.001 },
    yAxis: { type: 'category', inverse: true, data: bars.map(({ name }) => name) },
    series: [
      series(`measured on ${result.board}`, false, '#2f6f9f'),
      series('published by the seed', true, '#b9b9b9'),
    ],
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}
