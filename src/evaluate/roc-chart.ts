import type { RocPoint } from './verification.js';

/** A curve and its name in the legend. */
export interface NamedCurve {
  readonly name: string;
  readonly curve: readonly RocPoint[];
}

/** Least false-accept rate drawn: below it a few thousand pairs say nothing. */
const LEAST_FAR = 1e-4;

/**
 * Draws receiver operating characteristics over a logarithmic false-accept rate.
 *
 * @returns An SVG document.
 */
export async function drawRoc(title: string, curves: readonly NamedCurve[]): Promise<string> {
  const echarts = await import('echarts');
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: 720, height: 520 });
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    title: { text: title, left: 'center', textStyle: { fontSize: 15 } },
    legend: { bottom: 8 },
    grid: { left: 80, right: 30, top: 50, bottom: 90 },
    xAxis: {
      type: 'log',
      name: 'false-accept rate',
      nameLocation: 'middle',
      nameGap: 30,
      min: LEAST_FAR,
      max: 1,
    },
    yAxis: {
      type: 'value',
      name: 'true-accept rate',
      nameLocation: 'middle',
      nameGap: 50,
      min: (range: { min: number }) => Math.floor(range.min * 50) / 50,
      max: 1,
    },
    series: curves.map(({ name, curve }) => ({
      type: 'line',
      name,
      step: 'start',
      symbol: 'none',
      data: curve.filter((p) => p.far >= LEAST_FAR).map((p) => [p.far, p.tar]),
    })),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}
