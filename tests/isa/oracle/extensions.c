/* What came after SSE2: `oracle 16|32 ext COUNT SEED`. Part of oracle.c, which includes it.
 *
 * SSE3 with FISTTP, SSSE3, SSE4.1, SSE4.2, AES, PCLMULQDQ, POPCNT and MOVBE, by the maps they lie in: mostly with a prefix
 * that they have, now and then with any, with LOCK, or with a register where there has to be memory.
 *
 * Absent: MONITOR, MWAIT, and what shares the maps but is none of these (SHA, ADX, GFNI, MOVDIRI, INVPCID, AVX). */

#include <cpuid.h>
/* Whether this processor has all of it. */
static int extended(void) {
  unsigned a, b, c = 0, d, all = 1 | 1 << 1 | 1 << 9 | 1 << 19 | 1 << 20 | 1 << 22 | 1 << 23 | 1 << 25;
  return __get_cpuid(1, &a, &b, &c, &d) && (c & all) == all;
}
enum { NONE = 1, P66 = 2, PF2 = 4, PF3 = 8, MEMORY = 16, IMM = 32, LENGTHS = 64 };
static const struct { u8 map, first, last, what; } later[] = {
  {0x0F, 0x12, 0x12, PF2 | PF3}, {0x0F, 0x16, 0x16, PF3}, {0x0F, 0x7C, 0x7D, P66 | PF2}, {0x0F, 0xD0, 0xD0, P66 | PF2},
  {0x0F, 0xF0, 0xF0, PF2 | MEMORY}, {0x0F, 0xB8, 0xB8, PF3},
  {0x38, 0x00, 0x0B, NONE | P66}, {0x38, 0x1C, 0x1E, NONE | P66}, {0x38, 0x10, 0x10, P66}, {0x38, 0x14, 0x15, P66},
  {0x38, 0x17, 0x17, P66}, {0x38, 0x20, 0x25, P66}, {0x38, 0x28, 0x29, P66}, {0x38, 0x2A, 0x2A, P66 | MEMORY},
  {0x38, 0x2B, 0x2B, P66}, {0x38, 0x30, 0x35, P66}, {0x38, 0x37, 0x41, P66}, {0x38, 0xDB, 0xDF, P66},
  {0x38, 0xF0, 0xF1, NONE | P66 | MEMORY}, {0x38, 0xF0, 0xF1, PF2},
  {0x3A, 0x08, 0x0E, P66 | IMM}, {0x3A, 0x0F, 0x0F, NONE | P66 | IMM}, {0x3A, 0x14, 0x17, P66 | IMM},
  {0x3A, 0x20, 0x22, P66 | IMM}, {0x3A, 0x40, 0x42, P66 | IMM}, {0x3A, 0x44, 0x44, P66 | IMM},
  {0x3A, 0x60, 0x63, P66 | IMM | LENGTHS}, {0x3A, 0xDF, 0xDF, P66 | IMM},
  {0xD8, 0xDB, 0xDB, NONE | MEMORY}, {0xD8, 0xDD, 0xDD, NONE | MEMORY}, {0xD8, 0xDF, 0xDF, NONE | MEMORY}, /* FISTTP: /1 */
};
enum { ROWS = sizeof later / sizeof later[0] };
static int few_letters; /* the operands are strings */

/* Whether that, with this prefix (0, 66, F2, F3), is one of them. */
static int later_exists(int map, int op, int p) {
  int bit = p == 0x66 ? P66 : p == 0xF2 ? PF2 : p == 0xF3 ? PF3 : NONE;
  for (int k = 0; k < ROWS; k++) if (later[k].map == map && op >= later[k].first && op <= later[k].last && later[k].what & bit) return 1;
  return 0;
}
/* A row, and an opcode of it. */
static int later_row(int *op) {
  int count = 0;
  for (int k = 0; k < ROWS; k++) count += later[k].last - later[k].first + 1;
  int n = R(count), k = 0;
  for (;; k++) { int here = later[k].last - later[k].first + 1; if (n < here) { *op = later[k].first + n; return k; } n -= here; }
}
/* One of the prefixes it may have; 0 for none. */
static int later_prefix(int what) {
  for (;;) { int n = R(4); if (what >> n & 1) return (int[]){0, 0x66, 0xF2, 0xF3}[n]; }
}
static int extension(u8 *b, struct user_regs_struct *r, u32 tgt, u8 *rex) {
  u8 *start = b; int op, row = later_row(&op), what = later[row].what, map = later[row].map;
  few_letters = what & LENGTHS && R(8);
  if (what & LENGTHS && R(4)) { r->rax = (u32)(R(22) - (R(4) ? 0 : 20)); r->rdx = (u32)(R(22) - (R(4) ? 0 : 20)); }
  if (map == 0xD8) { *b++ = op; return b - start + modrm(b, 1, r, tgt, rex, 0); }
  int p = R(50) ? later_prefix(what) : (int[]){0, 0x66, 0xF2, 0xF3}[R(4)], also = p > 0x66 && R(6) == 0, before = R(2);
  if (R(200) == 0) *b++ = 0xF0;
  if (also && before) *b++ = 0x66;
  if (p) *b++ = p;
  if (also && !before) *b++ = 0x66;
  *b++ = 0x0F; if (map != 0x0F) *b++ = map; *b++ = op;
  b += modrm(b, R(8), r, tgt, rex, !(what & MEMORY) || R(40) == 0);
  if (what & IMM) *b++ = R(3) ? R(128) : val();
  return b - start;
}
/* Strings of few letters, so that some are equal, and of zeros. */
static void letters(u8 *p, int n) {
  if (few_letters) for (int i = 0; i < n; i++) p[i] = R(12) ? p[i] & 0x83 : 0;
}
