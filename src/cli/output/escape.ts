export { escapeControl, terminalJson } from '../../plan/visible.ts';
