// @ts-check
/** The command line over the double of the machine. */
import { main } from "../../../www/cli/main.js";
import { Vm } from "./machine.mjs";

const loadMachine = async () => /** @type {any} */ (Vm);
await main(process.argv.slice(2), loadMachine);
