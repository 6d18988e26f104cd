/** `npm run test:compose`: apart from the other tests, because the images take minutes to build the first time. */
import base from '../../playwright.config.ts';

export default { ...base, testDir: '.', outputDir: '../../test-results/compose' };
