// @ts-check
/** The module a page imports: the machine, its errors, and (on import) the element `<page-vm>`. */
import { PageVMElement } from "./elements/page-vm.js";

export { PageVM } from "./vm/client.js";
export { PageVMError } from "./lib/error.js";
export { PageVMElement };
