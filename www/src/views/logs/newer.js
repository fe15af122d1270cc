// What is new of a log's last lines: lines have no numbers, so they are compared with those that are known.

/**
 * Those of `told` that come after `known`; undefined where the two have nothing in common.
 * @param {string[]} known @param {string[]} told @returns {string[] | undefined}
 */
export function newer(known, told) {
  if (!known.length) return told;
  for (let end = told.length; end > 0; end--) if (endAlike(known, told, end)) return told.slice(end);
  return told.length ? undefined : [];
}

/** Whether the first `end` of `told` end as `known` does, as far as there are lines of both. @param {string[]} known @param {string[]} told @param {number} end */
function endAlike(known, told, end) {
  for (let n = 1; n <= end && n <= known.length; n++) if (told[end - n] !== known[known.length - n]) return false;
  return true;
}
