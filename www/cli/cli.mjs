#!/usr/bin/env node
// @ts-check
import { loadMachine } from "./machine.js";
import { main } from "./main.js";

await main(process.argv.slice(2), loadMachine);
