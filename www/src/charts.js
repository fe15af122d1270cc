// Charts on uPlot.
export { default as uPlot } from 'uplot';
