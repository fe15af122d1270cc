/** The catalogues: code -> name of the language in itself. Made by build.mjs. */
declare const languages: Record<string, string>;
export default languages;
