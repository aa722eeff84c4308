// Colours live in tokens.css; scripts read them, so that map, legend and table cannot disagree.
const style = getComputedStyle(document.documentElement);
export const token = name => style.getPropertyValue(`--${name}`).trim();
export const ramp = name => [1, 2, 3, 4, 5].map(step => token(`${name}-${step}`));
