/** A tab that nobody looks at: its guest's console and clock run on. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { buildDouble, startPlainBrowser, startServer } from "./harness.mjs";

it("a hidden tab keeps its serial console and its clock", { timeout: 60_000 }, async () => {
  const server = await startServer(await buildDouble());
  const context = await startPlainBrowser();
  const [page] = context.pages();
  await page.goto(`${server.url}?cmdline=ticks`);
  const ticks = () =>
    page.evaluate(() => {
      globalThis.heard ??= "";
      const { vm } = document.querySelector("page-vm");
      if (!globalThis.listening) {
        globalThis.listening = true;
        vm.addEventListener(
          "serial",
          ({ detail }) => (globalThis.heard += new TextDecoder().decode(detail.bytes)),
        );
      }
      return [document.visibilityState, Number(/tick (\d+)\r\n(?!.*tick)/s.exec(globalThis.heard)?.[1] ?? 0)];
    });
  await page.waitForSelector('page-vm[state="running"]');
  await ticks();

  const other = await context.newPage();
  await other.bringToFront();
  await other.waitForTimeout(500);
  const [visibility, before] = await ticks();
  assert.equal(visibility, "hidden");
  await other.waitForTimeout(4000);
  const [still, after] = await ticks();
  assert.equal(still, "hidden");
  assert.ok(after - before >= 30, `in 4 s, 40 ticks of the guest's clock were due, ${after - before} came`);

  // What is typed now is answered now.
  const answer = await page.evaluate(async () => {
    const { vm } = document.querySelector("page-vm");
    await vm.sendSerial(0, "echo from afar\n");
    return vm.waitFor({ serial: /^from afar/m }, { timeout: 5000 });
  });
  assert.equal(answer, "from afar");

  await page.bringToFront();
  await page.waitForFunction(() => document.visibilityState === "visible");
  await page.evaluate(() => document.querySelector("page-vm").vm.sendText("echo seen again\n"));
  await page.evaluate(() =>
    document.querySelector("page-vm").vm.waitFor({ screen: /^seen again/m }, { timeout: 5000 }),
  );
});
