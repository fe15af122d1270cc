// The catalogue that `#words` stands for in Node: what bundles the page puts each language in its place.
import { catalogues } from './languages.mjs';

export default catalogues.en;
