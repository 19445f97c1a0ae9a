import type { Manifest } from '../models/manifest.js';
import { decodeScenarios } from './decode-scenarios.js';
import { detectorScenarios } from './detector-scenarios.js';
import { modelScenarios } from './model-scenarios.js';
import { pipelineScenarios } from './pipeline-scenarios.js';
import type { Scenario } from './scenario.js';
import { searchScenarios } from './search-scenarios.js';

/** Every row of the table, in its order. */
export function allScenarios(manifest: Manifest): readonly Scenario[] {
  return [
    ...modelScenarios(manifest),
    ...detectorScenarios(manifest),
    ...pipelineScenarios(),
    ...searchScenarios(),
    ...decodeScenarios(),
  ];
}
