import type * as Typings from '@commander-js/extra-typings';
import * as commander from 'commander';

// The typings are types and nothing else, but loading their package takes a tenth of a short command's time.
export const Command = commander.Command as unknown as typeof Typings.Command;
export const Option = commander.Option as unknown as typeof Typings.Option;
