/* Sequences: `oracle 16|32 seq COUNT SEED`, integer instructions, or `seqfp` for some of x87, MMX and SSE among
 * them. Part of oracle.c, which includes it.
 *
 * A vector is a program of 8 to 32 instructions with what each executed step of it did, so that a reader can
 * compare after every instruction, mask flags while they are undefined, and stop before the first instruction
 * that uses something undefined. One line of JSON:
 *
 *   m      16 or 32
 *   code   the program, at +1000h, followed by HLTs (#GP here)
 *   i      registers and flags before; with seqfp also "fcw", "fsw", "ftw" (bit n: Rn is used), "mxcsr", "st"
 *          (pairs of a number and ten bytes, of the registers R0 to R7, not of the stack) and "xmm" (the same)
 *   ram    memory before, the program included; the rest of the window is zero
 *   steps  one object for each instruction executed: "ip", and of registers, "fl", "mem" and the rest what changed. A
 *          repeated string instruction is one step, however many iterations it made. If the sequence ends in an
 *          exception, the last step is that of the instruction that raised it
 *   end    "ex", an exception; "budget", MOST_STEPS executed; "cut", the next instruction is not one that may
 *          run here (a system call, a segment load, in seq x87 or vector code), or repeats too long
 *   ex     the exception, as in the other vectors; "cr2" after PF
 *
 * Memory operands are based on BX, SI, DI, BP and SP, which point into the data window and are seldom written;
 * AX, CX and DX are worked with. Programs branch forward, loop a few times, call and return, and store over
 * their own bytes: of the next instruction, of later ones and of those a loop comes back to. What a changed
 * byte makes of the code is not foreseen; may_run() looks at every instruction before it runs.
 *
 * All floating-point exceptions are masked, and stay so. Left out are what the maker or the approximation decides
 * (RCP, RSQRT, the transcendentals), and images of the environment, which hold pointers.
 *
 * Absent: 64-bit code; segment loads and far transfers, which segments.c has; anything that Linux would act on. */

enum { MOST_STEPS = 120, MOST_ITERATIONS = 200, ROOM = 1024, MOST_INSNS = 96 };
enum { AX, CX, DX, BX, SP, BP, SI, DI };
enum { NEXT = -1, SUBROUTINE = 1000 }; /* targets other than an instruction's number */

static u8 code[ROOM];
static int length, insns, subroutines;
static struct { int at, imm; } insn[MOST_INSNS]; /* where it begins; where its immediate is, or 0 */
static struct { int at, size, relative, target, offset; } fixup[MOST_INSNS * 2];
static int fixups, sub_at[4];
static int floats, aligned, with_later; /* what came after SSE2 is among it */
static u32 kept; /* registers that are not to be written just now */

static void e8(int v) { if (length < ROOM - 32) code[length++] = v; }
static void e(u32 v, int bytes) { for (; bytes--; v >>= 8) e8(v); }
static void begin(void) { if (insns < MOST_INSNS - 1) insns++; insn[insns - 1].at = length; insn[insns - 1].imm = 0; }
static void imm(u32 v, int bytes) { insn[insns - 1].imm = length; e(v, bytes); }
static void refer(int size, int relative, int target, int offset) {
  if (fixups == MOST_INSNS * 2) { e(0, size); return; }
  fixup[fixups].at = length; fixup[fixups].size = size; fixup[fixups].relative = relative;
  fixup[fixups].target = target == NEXT ? insns : target; fixup[fixups++].offset = offset; e(0, size);
}
static int natural(void) { return mode == 16 ? 2 : 4; }
static int some_width(void) { return R(3) == 0 ? 1 : R(4) ? natural() : 6 - natural(); }
static void size_prefix(int w) { if (w > 1 && w != natural()) e8(0x66); }
/* A register to write, one to read. Byte registers 4 to 7 are AH to BH, of the same four. */
static int to(int w) {
  for (;;) {
    int r = R(12) ? R(3) : (int[]){BX, BP, SI, DI, AX, CX, DX, SP}[R(R(10) ? 7 : 8)];
    if (w == 1) { r = r & 3; if (!(kept >> r & 1)) return r | R(2) << 2; continue; }
    if (!(kept >> r & 1)) return r;
  }
}
static int from(void) { return R(8); }
static int small(void) { return R(3) ? R(16) : R(256); }

/* Memory operands: chosen before the instruction begins, because an index is made small first. */
static struct { int kind, base, index, scale, short_; } mo;
static void memory(void) {
  static const int pointers[5] = {BX, SI, DI, BP, SP};
  mo.kind = R(8); mo.base = pointers[R(R(6) ? 4 : 5)]; mo.short_ = 0;
  if (mode == 16) { mo.short_ = R(10) != 0; if (mo.short_) mo.kind = R(10); }
  else if (R(150) == 0) mo.short_ = 1; /* an address below 64 KB: #PF */
  if (!mo.short_ && mo.kind >= 6) {
    mo.index = R(4) ? CX : R(3) ? AX : DX; mo.scale = R(4);
    if (kept >> mo.index & 1) { mo.kind = 0; return; }
    begin(); e8(0x0F); e8(0xB6); e8(0xC0 | mo.index << 3 | R(3)); /* MOVZX index, byte */
  }
}
static void segment_prefix(void) { if (R(40) == 0) e8((int[]){0x26, 0x36, 0x3E, 0x2E}[R(20) ? R(3) : 3]); else if (R(900) == 0) e8(0x64 + R(2)); }
static void address_prefix(void) { segment_prefix(); if (mo.short_ != (mode == 16)) e8(0x67); }
static u32 data(void) { u32 a = DATA + 0x1000 * (1 + R(4)) + R(128) - (mode == 16 ? CODE : 0); return aligned ? a & ~15 : a; }
static void modrm_memory(int g) {
  int d = R(R(3) ? 64 : 128) - (R(2) ? 0 : 64);
  if (mo.short_) {
    if (mo.kind == 0) { e8(g << 3 | 6); e(mode == 16 ? data() : R(0x10000), 2); return; }
    int rm = 4 + R(4); if (R(6) == 0) rm = R(4);
    if (R(2)) { e8(0x40 | g << 3 | rm); e8(d); } else { e8(0x80 | g << 3 | rm); e(R(6) ? R(0x800) : rnd(), 2); }
    return;
  }
  if (mo.kind == 0) { e8(g << 3 | 5); e(data(), 4); return; }
  if (R(400) == 0) { e8(g << 3 | 5); e(rnd(), 4); return; } /* outside */
  int wide = R(4) == 0, rm = mo.kind >= 6 || mo.base == SP ? 4 : mo.base;
  e8((wide ? 0x80 : 0x40) | g << 3 | rm);
  if (rm == 4) e8(mo.kind >= 6 ? mo.scale << 6 | mo.index << 3 | mo.base : 0x20 | mo.base);
  if (wide) e(R(3) ? R(0x800) : -(int)R(0x800), 4); else e8(d);
}
/* op r/m with the given field; the operand is written if `writes`. op2: the second opcode byte, or -1. */
static void with_operand(int op, int op2, int g, int w, int in_memory, int writes) {
  if (in_memory) memory();
  begin(); if (in_memory) address_prefix(); size_prefix(w); e8(op); if (op2 >= 0) e8(op2);
  if (in_memory) modrm_memory(g); else e8(0xC0 | g << 3 | (writes ? to(w) : from()));
}
static void move(int r, u32 v) { begin(); e8(0xB8 | r); imm(v, natural()); }
/* Something that defines all status flags. */
static void define_flags(void) {
  int w = some_width(), k = (int[]){0, 5, 7, 7, 5, 0}[R(6)];
  if (R(2)) with_operand(k << 3 | (w > 1), -1, from(), w, R(4) == 0, k != 7);
  else { begin(); size_prefix(w); e8(w == 1 ? 0x80 : 0x83); e8(0xC0 | k << 3 | to(w)); imm(val(), 1); }
}
static int is_bits_in_register(int op) { return op == 0xA3 || op == 0xAB || op == 0xB3 || op == 0xBB; }

static void plain(void) {
  int w = some_width(), wide = w > 1, mem = R(5) < 2, g;
  switch (R(24)) {
  case 0: case 1: case 2: { int k = R(8); if (k == 2 || k == 3) define_flags(); with_operand(k << 3 | wide, -1, from(), w, mem, k != 7); break; }
  case 3: case 4: { int k = R(8); if (k == 2 || k == 3) define_flags(); if (mem) memory(); begin(); if (mem) address_prefix(); size_prefix(w); e8(k << 3 | 2 | wide); g = k == 7 ? from() : to(w); if (mem) modrm_memory(g); else e8(0xC0 | g << 3 | from()); break; }
  case 5: { int k = R(8), s = wide && R(2); if (k == 2 || k == 3) define_flags(); with_operand(s ? 0x83 : 0x80 | wide, -1, k, w, mem, k != 7); imm(val(), s ? 1 : w); break; }
  case 6: { int k = R(8); if (k == 2 || k == 3) define_flags(); begin(); size_prefix(w); e8(k << 3 | 4 | wide); imm(val(), w); break; }
  case 7: with_operand(0x88 | wide, -1, from(), w, R(4) != 0, 1); break;
  case 8: if (mem) memory(); begin(); if (mem) address_prefix(); size_prefix(w); e8(0x8A | wide); g = to(w); if (mem) modrm_memory(g); else e8(0xC0 | g << 3 | from()); break;
  case 9: if (R(2)) { begin(); size_prefix(w); e8((wide ? 0xB8 : 0xB0) | to(w)); imm(val(), w); } else { with_operand(0xC6 | wide, -1, 0, w, mem, 1); imm(val(), w); } break;
  case 10: begin(); segment_prefix(); size_prefix(w); e8(0xA0 | R(2) << 1 | wide); e(data(), natural()); break;
  case 11: if (R(2)) { with_operand(0x84 | wide, -1, from(), w, mem, 0); break; } if (R(2)) { with_operand(0xF6 | wide, -1, 0, w, mem, 0); imm(val(), w); break; } begin(); size_prefix(w); e8(0xA8 | wide); imm(val(), w); break;
  case 12: if (R(3)) { if (mem) { memory(); begin(); if (R(6) == 0) e8(0xF0); address_prefix(); size_prefix(w); e8(0x86 | wide); modrm_memory(to(w)); } else { int a = to(w), b = to(w); begin(); size_prefix(w); e8(0x86 | wide); e8(0xC0 | a << 3 | b); } } else if (!(kept & 1)) { int r = to(4); begin(); size_prefix(wide ? w : natural()); e8(0x90 | r); } break;
  case 13: w = wide ? w : natural(); memory(); begin(); address_prefix(); size_prefix(w); e8(0x8D); modrm_memory(to(w)); break;
  case 14: if (R(2)) { w = wide ? w : natural(); begin(); size_prefix(w); e8(0x40 | R(2) << 3 | to(w)); } else with_operand(0xFE | wide, -1, R(2), w, mem, 1); break;
  case 15: with_operand(0xF6 | wide, -1, 2 + R(2), w, mem, 1); break;
  case 16: if (!(kept & (1 << AX | 1 << DX))) switch (R(3)) {
      case 0: with_operand(0xF6 | wide, -1, 4 + R(2), w, mem, 0); break;
      case 1: /* a division that mostly fits */
        begin(); if (w == 1) { e8(0xB4); imm(R(8), 1); } else { size_prefix(w); e8(0xB8 | DX); imm(R(8) ? R(4) : val(), w); }
        if (!(kept >> CX & 1)) { begin(); size_prefix(w); e8((wide ? 0xB8 : 0xB0) | CX); imm(R(40) ? 0x40 + R(64) : R(4), w); }
        begin(); size_prefix(w); e8(0xF6 | wide); e8(0xF0 | R(2) << 3 | CX); break;
      default: if (R(6) == 0) with_operand(0xF6 | wide, -1, 6 + R(2), w, mem, 0); else { begin(); size_prefix(R(2) ? natural() : 6 - natural()); e8(0x98 | R(2)); } }
    break;
  case 17: case 18: { int k = R(8), form = R(4); if (k == 2 || k == 3) define_flags();
      with_operand(form < 2 ? 0xC0 | wide : form == 2 ? 0xD0 | wide : 0xD2 | wide, -1, k, w, mem, 1); if (form < 2) imm(R(4) ? R(9) : val(), 1); break; }
  case 19: { w = wide ? w : natural(); int right = R(2) << 3, cl = R(3) == 0; with_operand(0x0F, 0xA4 | right | cl, from(), w, mem, 1); if (!cl) imm(R(6) ? R(16) : val(), 1); break; }
  case 20: { w = wide ? w : natural(); if (R(2)) { int k = 4 + R(4); with_operand(0x0F, 0xBA, k, w, mem, k != 4); imm(val(), 1); } else { int op = (int[]){0xA3, 0xAB, 0xB3, 0xBB}[R(4)]; with_operand(0x0F, op, from(), w, w == 2 && mem && R(2), op != 0xA3); } break; }
  case 21: { w = wide ? w : natural(); int op = (int[]){0xB6, 0xB7, 0xBE, 0xBF, 0xAF, 0xAF, 0xBC, 0xBD, 0x69, 0x6B}[R(10)]; if (mem) memory(); begin(); if (mem) address_prefix(); size_prefix(w); if (op >= 0x80) e8(0x0F); e8(op); g = to(w); if (mem) modrm_memory(g); else e8(0xC0 | g << 3 | from()); if (op == 0x69) imm(val(), w); if (op == 0x6B) imm(val(), 1); break; }
  case 22: if (R(3) == 0 && mode == 32) { begin(); e8(0x0F); e8(0xC8 | to(4)); break; }
    if (R(5) == 0) { memory(); begin(); if (R(2)) e8(0xF0); address_prefix(); e8(0x0F); e8(0xC7); modrm_memory(1); break; }
    if (mem) { memory(); begin(); if (R(3) == 0) e8(0xF0); address_prefix(); size_prefix(w); e8(0x0F); e8((R(2) ? 0xB0 : 0xC0) | wide); modrm_memory(to(w)); break; }
    { int a = to(w), b = to(w); begin(); size_prefix(w); e8(0x0F); e8((R(2) ? 0xB0 : 0xC0) | wide); e8(0xC0 | a << 3 | b); break; }
  default: switch (R(12)) {
    case 0: begin(); e8(0x9E); break;
    case 1: define_flags(); begin(); e8(0x9F); break;
    case 2: define_flags(); begin(); e8(0x9C); begin(); e8(R(2) ? 0x9D : 0x58 | to(4)); break;
    case 3: begin(); e8((int[]){0xF8, 0xF9, 0xFC, 0xFD, 0xFC}[R(5)]); break;
    case 4: define_flags(); begin(); e8(0xF5); break;
    case 5: define_flags(); begin(); e8((int[]){0x27, 0x2F, 0x37, 0x3F, 0xD6}[R(5)]); break;
    case 6: begin(); e8(0xD4 + R(2)); imm(R(3) ? 10 : val(), 1); break;
    case 7: begin(); segment_prefix(); e8(0xD7); break;
    case 8: begin(); e8(0xC8); e(R(64), 2); imm(R(3) ? 0 : R(8), 1); if (R(3)) { begin(); e8(0xC9); } break;
    case 9: begin(); e8(0x60); if (R(3)) { begin(); e8(0x61); } break;
    case 10: begin(); if (R(2)) { e8(0x0F); e8(0x1F); e8(0xC0 | R(64)); } else e8(0x90); break;
    default: with_operand(0x63, -1, from(), 2, mem, 1); break; }
  }
}
/* Whether an x87 instruction, or a vector one of the 0F map, is one whose results the manual defines. */
static int x87_fine(int op, int m) {
  int g = m >> 3 & 7;
  if (m < 0xC0) return !(op == 0xD9 && g >= 4 && g < 7) && !(op == 0xDD && (g == 4 || g == 6)) && (with_later || !((op & 0xF9) == 0xD9 && op != 0xD9 && g == 1));
  if (op == 0xD9) return !(m >= 0xD8 && m < 0xE0) && !(m >= 0xF0 && m < 0xF4) && m != 0xF9 && m != 0xFB && m < 0xFE;
  return 1;
}
static int x87_exists(int op, int m) {
  int g = m >> 3 & 7;
  if (m < 0xC0) return !(op == 0xD9 && g == 1) && !(op == 0xDB && (g == 4 || g == 6)) && !(op == 0xDD && g == 5);
  switch (op) {
  case 0xD9: return m < 0xD1 || (m >= 0xE0 && !(m & 2) && m < 0xE8) || m == 0xE1 || m == 0xE5 || (m >= 0xE8 && m != 0xEF);
  case 0xDA: return m < 0xE0 || m == 0xE9;
  case 0xDB: return m < 0xE0 || m == 0xE2 || m == 0xE3 || (m >= 0xE8 && m < 0xF8);
  case 0xDD: return m < 0xF0;
  case 0xDE: return m < 0xD0 || m == 0xD9 || m >= 0xE0;
  case 0xDF: return m < 0xC8 || m == 0xE0 || (m >= 0xE8 && m < 0xF8);
  default: return 1;
  }
}
static int vector_fine(int op, int rep, int m) {
  if (op == 0xAE) return !rep && m < 0xC0 && (m >> 3 & 7) == 3; /* STMXCSR */
  int vector = (op >= 0x10 && op < 0x18) || (op >= 0x28 && op < 0x30) || (op >= 0x50 && op < 0x78) || op == 0x7E || op == 0x7F || op == 0xC2 || (op >= 0xC4 && op < 0xC7) || op >= 0xD0;
  if (!vector || two[op] == '.' || op == 0x52 || op == 0x53 || op == 0xD0 || op == 0xF0 || op == 0xFF) return 0;
  return !(rep && (op == 0x12 || op == 0x16 || op == 0x2B));
}
static int has_form(int op, int p, int in_memory) {
  int any = op == 0x10 || op == 0x11 || op == 0x2A || op == 0x2C || op == 0x2D || op == 0x51 || op == 0x58 || op == 0x59 || op == 0x5A || (op >= 0x5C && op < 0x60) || op == 0x70 || op == 0xC2;
  int f3_too = op == 0x5B || op == 0x6F || op == 0x7E || op == 0x7F, memory_only = op == 0x13 || op == 0x17 || op == 0x2B || op == 0xE7;
  int register_only = op == 0x50 || op == 0xC5 || op == 0xD7 || op == 0xF7 || (op >= 0x71 && op <= 0x73) || op == 0x77;
  if (in_memory ? register_only : memory_only) return 0;
  if (op == 0x6C || op == 0x6D) return p == 1;
  if (op == 0x77) return p == 0;
  if (op == 0xD6) return p == 1 || (p > 1 && !in_memory);
  if (op == 0xE6) return p != 0;
  if (op == 0x12 || op == 0x16) return p == 0 || (p == 1 && in_memory);
  return p < 2 || any || (f3_too && p == 3);
}
/* An instruction of extensions.c, FISTTP excepted. */
static void extensions(void) {
  int op, row, map, what;
  do { row = later_row(&op); map = later[row].map; what = later[row].what; } while (map == 0xD8 || (what & LENGTHS && op & 1 && kept >> CX & 1));
  int p = later_prefix(what), in_memory = what & MEMORY || R(3) == 0, also = p > 0x66 && R(6) == 0;
  /* Which operand is a general register that is written. */
  int integers = map == 0x38 ? op >= 0xF0 : op == 0xB8, extracts = map == 0x3A && op >= 0x14 && op <= 0x17;
  if (in_memory) { memory(); if (!integers && R(12)) { mo.kind = 0; aligned = 1; } }
  begin(); if (in_memory) address_prefix(); if (also) e8(0x66); if (p) e8(p); e8(0x0F); if (map != 0x0F) e8(map); e8(op);
  int g = integers ? to(4) : R(8);
  if (in_memory) modrm_memory(g); else e8(0xC0 | g << 3 | (extracts ? to(4) : R(8)));
  if (what & IMM) imm(R(3) ? R(128) : val(), 1);
  aligned = 0;
}
static void vectors(void) {
  if (with_later && R(4) == 0) { extensions(); return; }
  int in_memory = R(3) == 0, op, m;
  if (R(2)) {
    int sloppy = R(60) == 0;
    do { op = 0xD8 + R(8); m = in_memory ? R(8) << 3 : 0xC0 | R(64); } while (!x87_fine(op, m) || !(sloppy || x87_exists(op, m)));
    if (in_memory) memory(); begin(); if (in_memory) address_prefix(); e8(op); if (in_memory) modrm_memory(m >> 3); else e8(m);
    return;
  }
  /* No prefix, 66, F2 or F3, mostly one that the opcode has. */
  int sloppy = R(40) == 0, mmx = R(4) == 0, p;
  do { op = R(40) ? 0x10 + R(0xF0) : 0xAE; p = mmx ? 0 : R(4); }
  while (!vector_fine(op, p >= 2, R(2) << 7 | 3 << 3) || (op == 0xAE && p) || !(sloppy || has_form(op, p, in_memory)));
  if (op >= 0x71 && op <= 0x73) in_memory = 0; if (op == 0xAE) in_memory = 1;
  int p66 = p == 1, rep = p >= 2 ? p - 1 : 0;
  if (in_memory) { memory(); if ((p66 || op < 0x60) && R(12)) { mo.kind = 0; aligned = 1; } }
  begin(); if (in_memory) address_prefix(); if (p66) e8(0x66); if (rep) e8(0xF1 + rep); e8(0x0F); e8(op);
  int g = op >= 0x71 && op <= 0x73 ? 2 * (1 + R(3)) + (op == 0x73 && p66 && R(2)) : op == 0xAE ? 3 : R(8);
  if (op == 0xD7 || op == 0x50 || op == 0xC5 || (rep && (op == 0x2C || op == 0x2D))) g = to(4);
  if (two[op] != 'n') { if (in_memory) modrm_memory(g); else e8(0xC0 | g << 3 | R(8)); }
  if (two[op] == 'M') imm(R(2) ? R(16) : val(), 1);
  aligned = 0;
}
static void forward(void) { /* a branch over a few instructions, or a use of the flags without one */
  int target = insns + 2 + R(4), middle = R(40) == 0 ? 1 : 0;
  if (R(8)) { define_flags(); target++; }
  if (R(6) == 0) target = insns + 1; /* to the very next one */
  switch (R(10)) {
  case 0: case 1: case 2: case 3: begin(); e8(0x70 | R(16)); refer(1, 1, target, middle); break;
  case 4: begin(); e8(0x0F); e8(0x80 | R(16)); refer(natural(), 1, target, middle); break;
  case 5: begin(); if (R(2)) { e8(0xEB); refer(1, 1, target, middle); } else { e8(0xE9); refer(natural(), 1, target, middle); } break;
  case 6: with_operand(0x0F, 0x90 | R(16), 0, 1, R(2), 1); break;
  case 7: { int w = R(3) ? natural() : 6 - natural(), mem = R(3) == 0; if (mem) memory(); begin(); if (mem) address_prefix(); size_prefix(w); e8(0x0F); e8(0x40 | R(16)); int g = to(w); if (mem) modrm_memory(g); else e8(0xC0 | g << 3 | from()); break; }
  case 8: begin(); if (R(4) == 0) e8(0x67); e8(0xE3); refer(1, 1, target, middle); break;
  default: { int r = to(4); begin(); e8(0xB8 | r); refer(natural(), 0, target + 1, middle); begin(); e8(0xFF); e8(0xE0 | r); }
  }
}
static void stores_over_code(void) {
  int target = R(3) == 0 ? NEXT : R(2) ? R(insns + 1) : insns + 1 + R(5), w = R(3) ? 1 : natural();
  /* Offset 99 stands for the immediate, if there is one. */
  int place = R(3) ? 99 : R(3), opcode = (int[]){0x40, 0x41, 0x42, 0x48, 0x4A, 0x90, 0x98, 0x99, 0xF8, 0xF9, 0xF5, 0xFC, 0x9F, 0xC3, 0xF4, 0x50}[R(16)];
  int absolute = mode == 16 ? 6 : 5, near = natural();
  switch (R(8)) {
  case 0: case 1: begin(); e8(0xC6); e8(absolute); refer(near, 0, target, R(3) ? place : 0); imm(R(2) ? opcode : val(), 1); break;
  case 2: begin(); e8(0xC7); e8(absolute); refer(near, 0, target, R(2) ? place : 0); imm(R(2) ? val() : 0x90909090, natural()); break;
  case 3: begin(); e8(0x80); e8((R(2) ? 6 : R(2) * 5) << 3 | absolute); refer(near, 0, target, R(2) ? 1 : place); imm(1 << R(7), 1); break;
  case 4: begin(); e8(0xFE); e8(R(2) << 3 | absolute); refer(near, 0, target, place); break;
  case 5: begin(); e8(w == 1 ? 0x88 : 0x89); e8(R(4) << 3 | absolute); refer(near, 0, target, place); break;
  case 6: begin(); e8(0xFF); e8(0x30 | absolute); e(data(), near); begin(); e8(0x8F); e8(absolute); refer(near, 0, target, place); break;
  default: /* a string operation, the pointer kept on the stack */
    begin(); e8(0x57); begin(); e8(0xB8 | DI); refer(near, 0, target == NEXT ? insns + 2 : target, place); begin(); e8(R(2) ? 0xAA : 0xA4); begin(); e8(0x5F); }
}
static void strings(void) {
  int w = some_width(), op = (int[]){0xA4, 0xA6, 0xAA, 0xAC, 0xAE}[R(5)];
  if (R(2)) { begin(); e8(0xFC | (R(4) == 0)); }
  int rep = R(3); if (rep && !(kept >> CX & 1)) move(CX, R(8) ? R(24) : R(100)); else rep = 0;
  begin(); if (rep) e8(0xF1 + rep); segment_prefix(); size_prefix(w); e8(op | (w > 1));
}
static void statement(int depth);
static void loops(int depth) {
  int counter = R(3) ? CX : DX, times = 1 + R(5); u32 before = kept;
  if (kept >> counter & 1) return;
  move(counter, times); int top = insns; kept |= 1 << counter;
  for (int n = 1 + R(3); n--;) statement(depth + 1);
  kept = before;
  if (counter == CX) { int op = R(4) ? 0xE2 : 0xE0 | R(2); if (op != 0xE2) define_flags(); begin(); if (R(12) == 0) e8(0x67); e8(op); refer(1, 1, top, 0); }
  else { begin(); if (R(2)) e8(0x48 | counter); else { e8(0x83); e8(0xE8 | counter); e8(1); } begin(); if (R(3)) { e8(0x75); refer(1, 1, top, 0); } else { e8(0x0F); e8(0x85); refer(natural(), 1, top, 0); } }
}
static void stack(void) {
  switch (R(6)) {
  case 0: begin(); e8(0x50 | from()); begin(); e8(0x58 | to(4)); break;
  case 1: begin(); size_prefix(R(2) ? 2 : 4); e8(0x50 | from()); break;
  case 2: begin(); if (R(2)) { e8(0x68); imm(val(), natural()); } else { e8(0x6A); imm(val(), 1); } break;
  case 3: with_operand(0xFF, -1, 6, natural(), 1, 0); break;
  case 4: with_operand(0x8F, -1, 0, natural(), 1, 1); break;
  default: begin(); size_prefix(R(3) ? natural() : 6 - natural()); e8(0x58 | to(4)); }
}
static void calls(void) {
  int target = SUBROUTINE + R(2);
  if (target - SUBROUTINE >= subroutines) subroutines = target - SUBROUTINE + 1;
  switch (R(5)) {
  case 0: { int r = to(4); begin(); e8(0xB8 | r); refer(natural(), 0, target, 0); begin(); e8(0xFF); e8(0xD0 | r); break; }
  case 1: /* RET to an address pushed */ begin(); e8(0x68); refer(natural(), 0, insns + 1 + R(2), 0); begin(); e8(0xC3); break;
  default: begin(); e8(0xE8); refer(natural(), 1, target, 0); }
}
static void faults(void) {
  switch (R(6)) {
  case 0: begin(); e8(0x0F); e8(0x0B); break;
  case 1: begin(); e8(0xF0); e8(0x01); e8(0xC0 | R(64)); break; /* LOCK without memory */
  case 2: begin(); e8(0xF4); break;
  case 3: { int w = some_width(); move(CX, 0); begin(); size_prefix(w); e8(0xF6 | (w > 1)); e8(0xF0 | R(2) << 3 | CX); break; }
  case 4: begin(); e8(0x64); size_prefix(2); e8(0x8B); e8(0xC3 & 0x3F | 0x40); e8(0); break; /* FS holds no segment */
  default: begin(); if (mode == 16) { e8(0x67); } e8(R(2) ? 0x89 : 0x01); e8(0x05); e(rnd(), 4); }
}
static void statement(int depth) {
  if (floats && R(5) < 3) { vectors(); return; }
  switch (R(20)) {
  case 0: case 1: case 2: forward(); break;
  case 3: case 4: if (depth < 2) loops(depth); else plain(); break;
  case 5: if (depth == 0) calls(); else plain(); break;
  case 6: stack(); break;
  case 7: strings(); break;
  case 8: stores_over_code(); break;
  case 9: if (R(3) == 0) stores_over_code(); else plain(); break;
  case 10: if (R(8) == 0) faults(); else plain(); break;
  default: plain(); }
}
static void program(void) {
  length = insns = fixups = subroutines = 0; kept = 0;
  int want = 8 + R(17), backward = -1;
  while (insns < want) { if (insns > 3 && R(60) == 0) { backward = R(insns); begin(); e8(R(2) ? 0x70 | R(16) : 0xEB); refer(1, 1, backward, 0); } statement(0); }
  begin(); e8(0xF4);
  for (int s = 0; s < subroutines; s++) {
    sub_at[s] = insns; for (int n = R(3); n--;) statement(1);
    begin(); if (R(5)) e8(0xC3); else { e8(0xC2); imm(R(3) ? 0 : 2 * R(4), 2); }
  }
  for (int k = 0; k < fixups; k++) {
    int t = fixup[k].target, at = fixup[k].at, size = fixup[k].size; if (t >= SUBROUTINE) t = sub_at[t - SUBROUTINE]; if (t >= insns) t = insns - 1;
    int offset = fixup[k].offset; if (offset == 99) offset = insn[t].imm ? insn[t].imm - insn[t].at : R(3);
    u32 v = insn[t].at + offset;
    if (fixup[k].relative) { int d = v - (at + size); if (size == 1 && (d < -128 || d > 127)) d = 0; v = d; } else v += 0x1000 + (mode == 16 ? 0 : CODE);
    for (int n = 0; n < size; n++) code[at + n] = v >> 8 * n;
  }
}

/* What an instruction is, as far as it matters whether it may run. */
static struct { int allowed, repeats, pushf, popf, osz; } what;
static int at(u32 lin) { return lin - CODE < SPAN ? M[lin - CODE] : -1; }
static void look(u32 lin) {
  int rep = 0, p66 = 0, n = 0, last = 0, op; memset(&what, 0, sizeof what);
  for (;; n++) { op = at(lin + n); if (op == 0x66) p66 = 1; else if (op == 0xF2 || op == 0xF3) rep = 1, last = op; else if (!(op == 0xF0 || op == 0x67 || op == 0x26 || op == 0x2E || op == 0x36 || op == 0x3E || op == 0x64 || op == 0x65)) break; if (n == 14) return; }
  what.osz = (mode == 16) != p66 ? 2 : 4;
  if (op < 0) { what.allowed = 1; return; } /* fetching it faults */
  int next = at(lin + n + 1), third = at(lin + n + 2), g = next >> 3 & 7, reg = next >= 0xC0;
  if (op == 0x0F) {
    if (next < 0) { what.allowed = 1; return; }
    static const u8 fine[] = {0x0B, 0x1F, 0xA3, 0xA4, 0xA5, 0xAB, 0xAC, 0xAD, 0xAF, 0xB0, 0xB1, 0xB3, 0xB6, 0xB7, 0xBA, 0xBB, 0xBC, 0xBD, 0xBE, 0xBF, 0xC0, 0xC1};
    what.allowed = (next >= 0x40 && next < 0x50) || (next >= 0x80 && next < 0xA0) || (next >= 0xC8 && next < 0xD0) || memchr(fine, next, sizeof fine) != 0;
    if (next == 0xC7) what.allowed = third < 0 || (third < 0xC0 && (third >> 3 & 7) == 1);
    if (rep && (next == 0xBC || next == 0xBD)) what.allowed = 0; /* TZCNT, LZCNT */
    if (!last && p66) last = 0x66;
    if (with_later && (next == 0x38 || next == 0x3A)) { int op3 = at(lin + n + 2); what.allowed = op3 < 0 || later_exists(next, op3, last); return; }
    if (with_later && later_exists(0x0F, next, last)) what.allowed = 1;
    if (floats && vector_fine(next, rep || (next == 0xAE && p66), third)) what.allowed = 1;
    return;
  }
  what.allowed = one[op] != '.' && !(op >= 0xD8 && op < 0xE0) && op != 0x9B;
  if (floats && op == 0x9B) what.allowed = 1;
  if (floats && op >= 0xD8 && op < 0xE0) what.allowed = next < 0 || x87_fine(op, next);
  if (op == 0x27 || op == 0x2F || op == 0x37 || op == 0x3F || op == 0xD6 || op == 0xF4) what.allowed = 1;
  if (op == 0x62 || ((op == 0x8F || op == 0xC6 || op == 0xC7) && g != 0) || (op == 0xFF && (g == 3 || g == 5))) what.allowed = 0;
  if (op == 0x9C) what.allowed = what.pushf = 1;
  if (op == 0x9D) what.allowed = what.popf = 1;
  what.repeats = rep && ((op >= 0xA4 && op < 0xA8) || (op >= 0xAA && op < 0xB0));
}

static void print_registers(const char *name, const u8 *now, const u8 *old, int bytes) {
  int some = 0;
  for (int i = 0; i < 8; i++) if (!old || memcmp(now + 16 * i, old + 16 * i, bytes)) { printf(some++ ? ",[\"%d\",\"" : ",\"%2$s\":[[\"%1$d\",\"", i, name); hex(now + 16 * i, bytes); printf("\"]"); }
  if (some) printf("]");
}
/* What of `now` is different from `old`; everything without one. */
static void print_floats(const struct user_fpregs_struct *now, const struct user_fpregs_struct *old) {
  if (!old || now->cwd != old->cwd) printf(",\"fcw\":%u", now->cwd);
  if (!old || now->swd != old->swd) printf(",\"fsw\":%u", now->swd);
  if (!old || (now->ftw & 0xFF) != (old->ftw & 0xFF)) printf(",\"ftw\":%u", now->ftw & 0xFF);
  if (!old || now->mxcsr != old->mxcsr) printf(",\"mxcsr\":%u", now->mxcsr);
  /* The image has the order of the stack: turned, so that what a push moves does not look changed. */
  u8 a[128], b[128]; int top = now->swd >> 11 & 7, was = old ? old->swd >> 11 & 7 : 0;
  for (int i = 0; i < 8; i++) { memcpy(a + 16 * ((top + i) & 7), (u8 *)now->st_space + 16 * i, 16); if (old) memcpy(b + 16 * ((was + i) & 7), (u8 *)old->st_space + 16 * i, 16); }
  print_registers("st", a, old ? b : 0, 10);
  print_registers("xmm", (u8 *)now->xmm_space, old ? (u8 *)old->xmm_space : 0, 16);
}
static void random_floats(struct user_fpregs_struct *f) {
  int top = R(8), used = R(7);
  f->cwd = 0x7F | ((u16[]){0, 2, 3, 3}[R(4)]) << 8 | R(4) << 10; f->swd = top << 11 | (rnd() & 0x4700);
  f->ftw = 0; for (int i = 0; i < used; i++) f->ftw |= 1 << ((top + i) & 7);
  f->mxcsr = 0x1F80 | R(4) << 13 | (R(8) ? 0 : 0x8000) | (R(8) ? 0 : 0x40);
  for (int i = 0; i < 8; i++) { memset((u8 *)f->st_space + 16 * i, 0, 16); rnd80((u8 *)f->st_space + 16 * i); }
  rndvec((u8 *)f->xmm_space, 128);
}

static int sequences(long count, struct user_regs_struct *base, struct user_fpregs_struct *fb) {
  static u8 last[SPAN]; struct user_regs_struct r0, r1, r; struct user_fpregs_struct f0, f1; siginfo_t si; long done = 0; int st; u32 sb = mode == 16 ? CODE : 0;
  for (long it = 0; it < count; it++) {
    memset(M, 0, SPAN); program(); r0 = *base;
    for (int i = 0; i < 16; i++) *reg(&r0, i) = i < 8 ? val() & 0xFFFFFFFF : 0;
    static const int pointers[4] = {BX, SI, DI, BP}; struct { u32 at; int n; } place[5];
    for (int k = 0; k < 4; k++) {
      u32 a = DATA + 0x1000 * (k + 1) + R(32) * 4 + (R(4) ? 0 : R(4)); if (R(60) == 0) a = CODE + SPAN - 1 - R(80);
      *reg(&r0, pointers[k]) = a - sb; place[k].at = a - 64; place[k].n = 128; if (a + 64 > CODE + SPAN) place[k].n = CODE + SPAN - place[k].at;
    }
    r0.rsp = DATA + 0x6000 - sb + R(64) * natural() + (R(12) ? 0 : R(4)); place[4].at = r0.rsp + sb - 32; place[4].n = 96;
    for (int k = 0; k < 5; k++) for (int i = 0; i < place[k].n; i += 8) { u64 v; rndvec((u8 *)&v, 8); int n = place[k].n - i < 8 ? place[k].n - i : 8; memcpy(M + (place[k].at - CODE) + i, &v, n); }
    r0.eflags = (rnd() & 0x8D5) | 0x202 | (R(6) ? 0 : 0x400); r0.orig_rax = -1;
    if (mode == 32) { r0.cs = 0x23; r0.ds = r0.es = r0.ss = 0x2b; } else { r0.cs = 7; r0.ds = r0.es = r0.ss = 15; } r0.fs = r0.gs = 0;
    memcpy(M + 0x1000, code, length); memset(M + 0x1000 + length, 0xF4, 16); r0.rip = mode == 16 ? 0x1000 : CODE + 0x1000;
    f0 = *fb; if (floats) random_floats(&f0);
    if (ptrace(PTRACE_SETREGS, pid, 0, &r0) || ptrace(PTRACE_SETFPREGS, pid, 0, &f0)) { perror("set"); return 1; }
    char *text; size_t size; FILE *out = open_memstream(&text, &size), *real = stdout; memcpy(last, M, SPAN);
    stdout = out; /* hex() and printf() write there */
    printf("{\"m\":%d,\"code\":\"", mode); hex(code, length); printf("\",\"i\":{"); for (int i = 0; i < 8; i++) printf("\"%s\":\"%llx\",", RN[i], *reg(&r0, i));
    printf("\"ip\":\"%llx\",\"fl\":\"%llx\"", r0.rip, r0.eflags & 0xCD5); if (floats) print_floats(&f0, 0);
    printf("},\"ram\":[[\"%x\",\"", CODE + 0x1000); hex(M + 0x1000, length + 16); printf("\"]");
    for (int k = 0; k < 5; k++) { printf(",[\"%x\",\"", place[k].at); hex(M + (place[k].at - CODE), place[k].n); printf("\"]"); }
    printf("],\"steps\":[");
    int steps = 0, sig = SIGTRAP; const char *end = "budget"; r = r0;
    while (steps < MOST_STEPS) {
      look((u32)r.rip + sb); if (!what.allowed) { end = "cut"; break; }
      if (what.popf) { u32 a = (mode == 16 ? (u16)r.rsp : (u32)r.rsp) + sb; if (at(a) < 0 || at(a + 3) < 0 || at(a + 1) & 1 || (what.osz == 4 && at(a + 2) & 0x24)) { end = "cut"; break; } } /* TF, AC; ID, which ptrace could not clear for the next program */
      u64 start = r.rip; int iterations = 0;
      do {
        ptrace(PTRACE_SINGLESTEP, pid, 0, 0); waitpid(pid, &st, 0);
        if (WIFEXITED(st) || WIFSIGNALED(st)) { fprintf(stderr, "child died in "); for (int i = 0; i < length; i++) fprintf(stderr, "%02x", code[i]); fprintf(stderr, "\n"); return 1; }
        sig = WSTOPSIG(st); ptrace(PTRACE_GETREGS, pid, 0, &r1); r1.rsp &= 0xFFFFFFFFull;
      } while (what.repeats && sig == SIGTRAP && r1.rip == start && ++iterations < MOST_ITERATIONS);
      if (iterations == MOST_ITERATIONS) { end = "cut"; break; }
      if (what.pushf && sig == SIGTRAP) { u32 a = (mode == 16 ? (u16)r1.rsp : (u32)r1.rsp) + sb + 1; if (at(a) >= 0) M[a - CODE] &= ~1; } /* the TF of single stepping */
      printf(steps++ ? ",{" : "{"); printf("\"ip\":\"%llx\"", r1.rip);
      if ((r.eflags ^ r1.eflags) & 0xCD5) printf(",\"fl\":\"%llx\"", r1.eflags & 0xCD5);
      for (int i = 0; i < 8; i++) if (*reg(&r1, i) != *reg(&r, i)) printf(",\"%s\":\"%llx\"", RN[i], *reg(&r1, i));
      if (floats) { ptrace(PTRACE_GETFPREGS, pid, 0, &f1); print_floats(&f1, &f0); f0 = f1; }
      int first = 1;
      for (u32 page = 0; page < SPAN; page += 0x1000) if (memcmp(M + page, last + page, 0x1000)) for (u32 i = page; i < page + 0x1000; i++) if (M[i] != last[i]) {
        u32 j = i; while (j < page + 0x1000 && M[j] != last[j]) j++;
        printf(first ? ",\"mem\":[[\"%x\",\"" : ",[\"%x\",\"", CODE + i); hex(M + i, j - i); printf("\"]"); memcpy(last + i, M + i, j - i); first = 0; i = j;
      }
      printf(first ? "}" : "]}"); r = r1;
      if (sig != SIGTRAP) { ptrace(PTRACE_GETSIGINFO, pid, 0, &si); end = "ex"; break; }
    }
    printf("],\"end\":\"%s\"", end);
    if (sig != SIGTRAP) { const char *ex = exception(sig, &si); printf(",\"ex\":\"%s\"", ex); if (!strcmp(ex, "PF")) printf(",\"cr2\":\"%lx\"", (u64)si.si_addr); }
    printf("}\n"); fclose(out); stdout = real; if (steps) fputs(text, stdout), done++; free(text);
  }
  kill(pid, SIGKILL); fprintf(stderr, "%ld sequences\n", done); return 0;
}
