/**
 * The transcript parses what a sandbox said with zod, which compiles its schemas with `new Function`
 * where it may. Here it may not: the page's content security policy refuses, and reports the try.
 */
import { config } from 'zod/v4/core';

config({ jitless: true });
