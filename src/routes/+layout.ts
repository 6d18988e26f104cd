/** The pages are drawn in the browser only: live state has no meaning on the server. */
export const ssr = false;
export const prerender = false;
