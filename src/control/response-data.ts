import { FaceEvalError, isErrorCode } from '../domain/errors.js';
import type { Response } from './request-schemas.js';

/**
 * What a response carries.
 *
 * @throws FaceEvalError that the other end meant; Error when it did not expect its failure itself.
 */
export function dataOf(response: Response): unknown {
  if (response.status === 'ok') return response.data;
  const { error, code, hint } = response;
  if (!isErrorCode(code)) throw new Error(error);
  throw new FaceEvalError(code, error, { ...(hint !== undefined && { hint }) });
}
