/* Segments: what this machine's processor does when user code loads segment registers, goes from one code
 * segment to another, and accesses memory through what it has loaded.
 *
 *   gcc -O2 -o segments segments.c ; ./segments <16|32> seg <count> <seed> > out.jsonl
 *
 * A child is single-stepped under ptrace. Its LDT has a segment of every kind that Linux lets a user make. The
 * first line of the output describes the world, each other line is a vector, a program of some instructions:
 *
 *   ldt    the first line: the LDT's bytes, as Linux made them
 *   ram    memory before: linear addresses and bytes. The first line's goes for all vectors, and each
 *          vector's (the program, and what its operands name) is put on top of it
 *   m      16 or 32: the code segment the program starts in
 *   i      registers and flags before; "sel": selectors, in the order of their numbers, ES, CS, SS, DS, FS, GS
 *   steps  what each step changed, and "n", of how many instructions it is one: MOV SS and POP SS put off the
 *          trap of single stepping, and each repetition of a string instruction counts
 *   ex     the exception that ended the program in its last step, by its number; with it "err", the error
 *          code, and "cr2". They come from the frame of the signal
 *
 * Every word of memory that is not an instruction can be loaded as a selector: it is null, one of the LDT, one of
 * Linux's descriptors for users or for itself, or far outside the GDT. So stay 64-bit code, and what
 * Linux keeps in its GDT for each processor, out of reach (see harmless()).
 *
 * A null selector's RPL: Intel's IRET from the kernel clears it, AMD's does not, so that it is not shown. The program
 * ends before an instruction that would read it.
 *
 * What the manual leaves undefined, or to the maker, is made one thing or ends the program before it: see
 * clear_undefined(), reaches_further(), is_far_call().
 *
 * Absent: conforming code that is present, which Linux refuses; gates and other privilege levels, for the same
 * reason; CMPS, of whose two operands the manual does not say which is accessed first. */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

/* The window: linear address, length, where the program is in it, where data. */
enum { WINDOW = 0x400000, SPAN = 0x10000, TEXT = 0x1000, DATA = 0x8000, PAGE = 0x1000 };
enum { ROOM = 512, MOST_INSNS = 64, MOST_STEPS = 40, MOST_PLANTED = 32 };
enum { AX, CX, DX, BX, SP, BP, SI, DI };
enum { ES, CS, SS, DS, FS, GS, SEGMENT_REGISTERS };
enum { FLAT_CODE = 0x23, FLAT_DATA = 0x2B, LOCAL = 4, USER = 3 };
enum { STATUS_AND_DIRECTION = 0xCD5 };

static u64 S;
static u64 rnd(void) { S ^= S << 13; S ^= S >> 7; S ^= S << 17; return S * 0x2545F4914F6CDD1DULL; }
static u32 R(u32 n) { return (rnd() >> 33) % n; }

/* ---- the segments ---- */

enum { READ_WRITE, DOWN, EXECUTE, CONFORMING }; /* user_desc.contents */
enum { BIG = 1, PAGES = 2, LESS = 4 /* read-only, execute-only */, ABSENT = 8, EMPTY = 16 };
struct kind { u32 base, limit; int contents, flags; };
static const struct kind local[] = {
  {WINDOW, 0xFFFF, EXECUTE, 0}, {WINDOW, 0xFFFF, READ_WRITE, 0}, /* where 16-bit programs start */
  {0, 0xFFFFF, EXECUTE, BIG | PAGES}, {0, 0xFFFFF, READ_WRITE, BIG | PAGES}, /* as Linux's own for users */
  {WINDOW, 0xFFFF, EXECUTE, BIG}, {WINDOW, 0xFFFF, EXECUTE, LESS}, {WINDOW, 0xFFFF, EXECUTE, BIG | LESS},
  {WINDOW, TEXT + 0x18, EXECUTE, 0}, {WINDOW, 1, EXECUTE, BIG | PAGES},
  {WINDOW, 0xFFFF, EXECUTE, ABSENT}, {WINDOW, 0xFFFF, EXECUTE, BIG | LESS | ABSENT},
  {WINDOW, 0xFFFF, CONFORMING, BIG | ABSENT}, {WINDOW, 0xFFFF, CONFORMING, LESS | ABSENT},
  {WINDOW + DATA, 0x3FF, READ_WRITE, 0}, {WINDOW + DATA + 1, 0x1FE, READ_WRITE, BIG},
  {WINDOW + DATA, 0xFFF, READ_WRITE, LESS}, {WINDOW + DATA, 1, READ_WRITE, BIG | PAGES | LESS},
  {WINDOW + 0xA000, 0, READ_WRITE, PAGES}, {WINDOW + 0xA000, 0, READ_WRITE, 0},
  {WINDOW, 0xFFFF, READ_WRITE, BIG}, {0xFFFF0000, 0xFFFFF, READ_WRITE, BIG | PAGES},
  {WINDOW, 0xBFFF, DOWN, 0}, {WINDOW, 0xBFFF, DOWN, BIG}, {WINDOW, 0x8FFF, DOWN, LESS},
  {WINDOW, 8, DOWN, BIG | PAGES}, {WINDOW, 0xFFFF, DOWN, 0},
  {WINDOW, 0xFFFF, READ_WRITE, ABSENT}, {WINDOW, 0xBFFF, DOWN, LESS | ABSENT},
  {.flags = EMPTY}, {WINDOW, 0xFFFF, READ_WRITE, 0},
};
enum { LOCALS = sizeof local / sizeof *local };

static u32 limit_of(const struct kind *k) { return k->flags & PAGES ? k->limit << 12 | 0xFFF : k->limit; }
static u32 lowest(const struct kind *k) { return k->contents == DOWN ? limit_of(k) + 1 : 0; }
static u32 highest(const struct kind *k) { return k->contents != DOWN ? limit_of(k) : k->flags & BIG ? ~0u : 0xFFFF; }
static int is_code(const struct kind *k) { return k->contents >= EXECUTE; }

/* The segment a selector names, present or not; 0 if it names none. */
static const struct kind *kind_of(u16 s) {
  if ((s | USER) == FLAT_CODE) return &local[2];
  if ((s | USER) == FLAT_DATA) return &local[3];
  if (!(s & LOCAL) || s >> 3 >= LOCALS || local[s >> 3].flags & EMPTY) return 0;
  return &local[s >> 3];
}
/* Whether a load of the register should succeed, so that the program goes on. */
static int loadable(int seg, u16 s) {
  const struct kind *k = kind_of(s);
  if (s < 4) return seg != SS;
  if (!k || k->flags & ABSENT) return 0;
  if (seg == CS) return is_code(k);
  if (seg == SS) return !is_code(k) && !(k->flags & LESS) && (s & 3) == USER;
  return !(is_code(k) && k->flags & LESS);
}
static int some_null_rpl; /* the program has a null selector other than 0 */
static u16 any_selector(void) {
  static const u16 of_linux[] = {FLAT_CODE, FLAT_DATA, 0x20, 0x29, 0x10, 0x13, 0x18, 0x1B};
  switch (R(12)) {
  case 0: { u16 s = R(4); if (s) some_null_rpl = 1; return s; }
  case 1: case 2: return of_linux[R(8)];
  case 3: return (LOCALS + R(40)) << 3 | LOCAL | R(4);
  case 4: return (0x400 + R(0x1C00)) << 3 | R(4);
  default: return R(LOCALS) << 3 | LOCAL | (R(4) ? USER : R(4));
  }
}
static u16 selector_for(int seg) {
  u16 s = any_selector();
  if (R(4)) for (int tries = 20; tries-- && !loadable(seg, s);) s = any_selector();
  return s;
}
/* As a word, or any two bytes of several, it is an LDT selector, or too big for the GDT. */
static u32 harmless(void) { return rnd() | 0x14141414; }

static void install(void) {
  for (int n = 0; n < LOCALS; n++) {
    const struct kind *k = &local[n];
    struct user_desc d = {.entry_number = n, .base_addr = k->base, .limit = k->limit, .contents = k->contents};
    d.seg_32bit = !!(k->flags & BIG); d.limit_in_pages = !!(k->flags & PAGES);
    d.read_exec_only = !!(k->flags & LESS); d.seg_not_present = !!(k->flags & ABSENT); d.useable = R(2);
    if (!(k->flags & EMPTY) && syscall(SYS_modify_ldt, 0x11, &d, sizeof d)) { perror("modify_ldt"); exit(1); }
  }
}

/* ---- the program ---- */

static u8 *const M = (u8 *)(uintptr_t)WINDOW;
static u8 background[SPAN];
static u8 code[ROOM];
static int length, insns, bits; /* bits: of the code segment that is emitted for */
static struct { int at, bits, loads_ss; } insn[MOST_INSNS];
static struct { u32 at; int bytes; } planted[MOST_PLANTED];
static int plants;
static u16 held[SEGMENT_REGISTERS]; /* what the segment registers will hold */
static struct user_regs_struct first; /* registers before */
static u32 claimed; /* general registers whose first value is decided */

static unsigned long long *reg(struct user_regs_struct *r, int n) {
  switch (n) {
  case AX: return &r->rax; case CX: return &r->rcx; case DX: return &r->rdx; case BX: return &r->rbx;
  case SP: return &r->rsp; case BP: return &r->rbp; case SI: return &r->rsi; default: return &r->rdi;
  }
}
static unsigned long long *selector_of(struct user_regs_struct *r, int seg) {
  switch (seg) {
  case ES: return &r->es; case CS: return &r->cs; case SS: return &r->ss;
  case DS: return &r->ds; case FS: return &r->fs; default: return &r->gs;
  }
}
static void e8(int v) { code[length++] = v; }
static void e(u32 v, int bytes) { for (; bytes--; v >>= 8) e8(v); }
static void begin(void) { insn[insns].at = length; insn[insns].bits = bits; insn[insns++].loads_ss = 0; }
static void begin_load(int seg) { begin(); insn[insns - 1].loads_ss = seg == SS; }
static int natural(void) { return bits / 8; }
static int some_size(void) { return R(3) ? natural() : 6 - natural(); }
static void size_prefix(int bytes) { if (bytes > 1 && bytes != natural()) e8(0x66); }
static void move(int r, u32 v, int bytes) { begin(); size_prefix(bytes); e8(0xB8 | r); e(v, bytes); }
static void plant(u32 linear, u32 v, int bytes) {
  u32 at = linear - WINDOW;
  if (at < 2 * PAGE || at > (u32)(SPAN - bytes) || plants == MOST_PLANTED) return;
  memcpy(M + at, &v, bytes); planted[plants].at = linear; planted[plants++].bytes = bytes;
}
/* A register for working with, 3 bits of ModRM. The others are pointers. */
static int worker(void) { return R(3); }

/* An offset in what a segment register holds: around its ends, inside, or anywhere if it holds nothing. Not at the
 * end of 4 GB, where accesses may wrap around. */
static u32 offset_in(int seg) {
  const struct kind *k = kind_of(held[seg]);
  if (!k) return DATA + R(0x1000);
  u32 lo = lowest(k), hi = highest(k), inside = WINDOW + DATA + R(0x7000) - k->base;
  int which = R(4);
  if (which == 0 && (lo || hi != ~0u)) return lo + R(8) - 4;
  if (which == 1 && hi != ~0u) return hi + R(8) - 5;
  if (inside >= lo && inside <= hi) return inside;
  return lo + R(hi - lo < 0x1000 ? hi - lo + 1 : 0x1000);
}

/* A memory operand: chosen before the instruction begins, because prefixes come first. */
static struct { int seg, base, wide; u32 offset; u8 displacement; } operand;
static int claim(int r, u32 v) {
  if (claimed >> r & 1) return 0;
  claimed |= 1 << r; *reg(&first, r) = v; return 1;
}
static void choose_operand(void) {
  operand.seg = (int[]){ES, SS, DS, FS, GS, CS}[R(R(4) ? 5 : 6)];
  operand.offset = offset_in(operand.seg);
  operand.wide = operand.offset > 0xFFFF || (R(5) ? bits == 32 : bits != 32);
  operand.base = -1;
  int base = (int[]){BX, SI, DI, BP}[R(4)]; u8 displacement = rnd();
  u32 v = operand.offset - (int8_t)displacement;
  if (R(2) && claim(base, operand.wide ? v : (v & 0xFFFF) | (u32)rnd() << 16)) { operand.base = base; operand.displacement = displacement; }
}
static u32 operand_linear(void) {
  const struct kind *k = kind_of(held[operand.seg]);
  return (k ? k->base : 0) + operand.offset;
}
static void operand_prefixes(void) {
  static const u8 override[] = {[ES] = 0x26, [CS] = 0x2E, [SS] = 0x36, [DS] = 0x3E, [FS] = 0x64, [GS] = 0x65};
  if (operand.seg != (operand.base == BP ? SS : DS) || R(16) == 0) e8(override[operand.seg]);
  if (operand.wide != (bits == 32)) e8(0x67);
}
static void operand_modrm(int field) {
  static const u8 short_rm[] = {[BX] = 7, [BP] = 6, [SI] = 4, [DI] = 5};
  if (operand.base < 0) { e8(field << 3 | (operand.wide ? 5 : 6)); e(operand.offset, operand.wide ? 4 : 2); return; }
  e8(0x40 | field << 3 | (operand.wide ? operand.base : short_rm[operand.base])); e8(operand.displacement);
}

static void push(u32 v, int bytes) { begin(); size_prefix(bytes); e8(0x68); e(v, bytes); }
static void pop_opcode(int seg) {
  if (seg >= FS) { e8(0x0F); e8(seg == FS ? 0xA1 : 0xA9); } else e8(seg << 3 | 7);
}
static void load_by_move(int seg, u16 s) {
  int r = worker();
  if (R(2)) {
    move(r, s | harmless() << 16, some_size());
    begin_load(seg); size_prefix(some_size()); e8(0x8E); e8(0xC0 | seg << 3 | r);
  } else {
    choose_operand(); plant(operand_linear(), s, 2);
    begin_load(seg); operand_prefixes(); size_prefix(some_size()); e8(0x8E); operand_modrm(seg);
  }
}
static void load_by_pop(int seg, u16 s) {
  int bytes = some_size();
  if (R(5)) push(s | harmless() << 16, bytes);
  begin_load(seg); size_prefix(bytes); pop_opcode(seg);
}
static void load_far_pointer(int seg, u16 s) {
  static const u8 opcode[] = {[ES] = 0xC4, [DS] = 0xC5, [SS] = 0xB2, [FS] = 0xB4, [GS] = 0xB5};
  int bytes = some_size();
  choose_operand(); plant(operand_linear(), harmless(), bytes); plant(operand_linear() + bytes, s, 2);
  begin(); operand_prefixes(); size_prefix(bytes); if (seg != ES && seg != DS) e8(0x0F);
  e8(opcode[seg]); operand_modrm(R(6) ? worker() : (int)R(8));
}
static void load(void) {
  int seg = (int[]){ES, SS, DS, FS, GS}[R(5)]; u16 s = selector_for(seg);
  switch (R(5)) {
  case 0: load_by_pop(seg, s); break;
  case 1: load_far_pointer(seg, s); break;
  case 2: if (R(6) == 0) { begin(); e8(0x8E); e8(0xC0 | (int[]){CS, 6, 7}[R(3)] << 3 | worker()); return; } /* #UD */
    /* fall through */
  default: load_by_move(seg, s);
  }
  /* One step with the load: what comes after it is looked at on its own (see may_step()). */
  if (insn[insns - 1].loads_ss) { begin(); e8(0x90); }
  if (loadable(seg, s)) held[seg] = s;
}
static void store(void) {
  int seg = R(SEGMENT_REGISTERS), bytes = some_size();
  switch (R(3)) {
  case 0: begin(); size_prefix(bytes); e8(0x8C); e8(0xC0 | seg << 3 | worker()); break;
  case 1: choose_operand(); begin(); operand_prefixes(); size_prefix(bytes); e8(0x8C); operand_modrm(seg); break;
  default: begin(); size_prefix(bytes); if (seg >= FS) { e8(0x0F); e8(seg == FS ? 0xA0 : 0xA8); } else e8(seg << 3 | 6);
  }
}
/* LAR, LSL, VERR, VERW. */
static void ask(void) {
  int which = R(4), field = which < 2 ? worker() : 2 + which, bytes = some_size(), r = worker();
  int in_memory = R(3) == 0; u16 s = any_selector();
  if (in_memory) { choose_operand(); plant(operand_linear(), s, 2); } else move(r, s | harmless() << 16, some_size());
  begin(); if (in_memory) operand_prefixes();
  size_prefix(bytes); e8(0x0F); e8(which < 2 ? 2 + which : 0);
  if (in_memory) operand_modrm(field); else e8(0xC0 | field << 3 | r);
}
/* To the next instruction, through another segment. */
static void transfer(void) {
  enum { JMP, CALL, RET } what = R(3);
  u16 s = selector_for(CS); const struct kind *k = kind_of(s);
  int bytes = some_size(), in_memory = what != RET && R(2), patch = 0;
  if (in_memory) {
    choose_operand(); begin(); operand_prefixes(); size_prefix(bytes); e8(0xFF); operand_modrm(what == JMP ? 5 : 3);
  } else if (what == RET) {
    push(s | (harmless() << 16), bytes); push(0, bytes); patch = length - bytes;
    int more = R(4) == 0; begin(); size_prefix(bytes); e8(more ? 0xCA : 0xCB); if (more) e(R(16), 2);
  } else {
    begin(); size_prefix(bytes); e8(what == JMP ? 0xEA : 0x9A); patch = length; e(0, bytes); e(s, 2);
  }
  u32 target = WINDOW + TEXT + length - (k ? k->base : WINDOW);
  if (k && R(16) == 0) target = highest(k) + R(3);
  if (in_memory) { plant(operand_linear(), target, bytes); plant(operand_linear() + bytes, s, 2); } else memcpy(code + patch, &target, bytes);
  if (k && loadable(CS, s)) { held[CS] = s | USER; bits = k->flags & BIG ? 32 : 16; }
}
static void strings(void) {
  static const u8 opcodes[] = {0xA4, 0xAA, 0xAC, 0xAE}; /* MOVS, STOS, LODS, SCAS */
  static const u8 override[] = {0x26, 0x36, 0x3E, 0x64, 0x65}, named[] = {ES, SS, DS, FS, GS};
  int op = opcodes[R(4)], bytes = R(3) ? some_size() : 1, repeat = R(2), which = R(3) ? 2 : R(5), narrow = R(4) == 0;
  claim(SI, offset_in(named[which])); claim(DI, offset_in(ES));
  if (repeat) move(CX, R(6), 4);
  begin(); if (repeat) e8(0xF2 + R(2)); if (which != 2) e8(override[which]); if (narrow) e8(0x67);
  size_prefix(bytes); e8(op | (bytes > 1));
}
/* An ordinary access: read, write, both, or the stack's. */
static void access_memory(void) {
  int bytes = R(3) ? some_size() : 1, wide = bytes > 1;
  switch (R(8)) {
  case 0: begin(); size_prefix(some_size()); e8(0x50 | worker()); return;
  case 1: begin(); size_prefix(some_size()); e8(0x58 | worker()); return;
  case 2: strings(); return;
  case 3: bytes = some_size(); choose_operand(); begin(); operand_prefixes(); size_prefix(bytes);
    if (R(2)) { e8(0xFF); operand_modrm(6); } else { e8(0x8F); operand_modrm(0); } return;
  default: choose_operand(); begin(); operand_prefixes(); size_prefix(bytes);
    e8((int[]){0x88, 0x8A, 0x38, 0x86}[R(4)] | wide); operand_modrm(worker());
  }
}
static void statement(void) {
  switch (R(10)) {
  case 0: case 1: case 2: load(); break;
  case 3: store(); break;
  case 4: ask(); break;
  case 5: case 6: transfer(); break;
  default: access_memory();
  }
}

static void set_registers(int mode, const struct user_regs_struct *base) {
  first = *base; claimed = 1 << SP; plants = 0;
  for (int n = 0; n < 8; n++) *reg(&first, n) = harmless();
  first.eflags = (rnd() & 0x8D5) | 0x202 | (R(6) ? 0 : 0x400); first.orig_rax = -1;
  first.rip = mode == 16 ? TEXT : WINDOW + TEXT;
  for (int seg = 0; seg < SEGMENT_REGISTERS; seg++) {
    u16 s = seg == CS ? (mode == 16 ? LOCAL | USER : FLAT_CODE) : seg >= FS ? 0 : mode == 16 ? 1 << 3 | LOCAL | USER : FLAT_DATA;
    if (seg != CS && R(seg == SS ? 4 : 2) == 0) do s = any_selector() | USER; while (s < 4 || !loadable(seg, s));
    *selector_of(&first, seg) = held[seg] = s;
  }
  /* Linux sets these itself, after the selectors. */
  first.fs_base = held[FS] ? kind_of(held[FS])->base : 0; first.gs_base = held[GS] ? kind_of(held[GS])->base : 0;
  first.rsp = offset_in(SS);
  if (!(kind_of(held[SS])->flags & BIG)) first.rsp = (first.rsp & 0xFFFF) | (R(2) ? rnd() & 0xFFFF0000 : 0);
}
static void make_program(int mode, const struct user_regs_struct *base) {
  memcpy(M, background, SPAN); set_registers(mode, base);
  length = insns = some_null_rpl = 0; bits = mode;
  for (int n = 1 + R(4); n--;) statement();
  begin(); e8(0xF4);
  memcpy(M + TEXT, code, length);
}

/* ---- running it ---- */

static pid_t pid;
static u8 *signal_stack; /* the child's, seen from here too */

static u32 code_base(const struct user_regs_struct *r) { return kind_of(r->cs) ? kind_of(r->cs)->base : 0; }
/* The instruction at an address, or -1 if it is not one that was emitted there, for a segment of that size. */
static int insn_at(u32 linear, const struct user_regs_struct *r) {
  const struct kind *k = kind_of(r->cs);
  for (int n = 0; k && n < insns; n++)
    if (linear == (u32)WINDOW + TEXT + insn[n].at) return insn[n].bits == (k->flags & BIG ? 32 : 16) ? n : -1;
  return -1;
}
static const u8 *opcode_of(int n, int *bytes) {
  const u8 *p = code + insn[n].at; int size = insn[n].bits / 8;
  for (; memchr("\x26\x2E\x36\x3E\x64\x65\x66\x67", *p, 8); p++) if (*p == 0x66) size = 6 - insn[n].bits / 8;
  *bytes = size; return p;
}
/* Whether the instruction stores a null selector whose RPL may have been cleared. */
static int stores_null(int n, struct user_regs_struct *r) {
  int seg = -1, bytes; const u8 *p = opcode_of(n, &bytes);
  if (*p == 0x8C) seg = p[1] >> 3 & 7;
  if (*p == 0x06 || *p == 0x1E) seg = *p >> 3;
  if (*p == 0x0F && (p[1] == 0xA0 || p[1] == 0xA8)) seg = p[1] == 0xA0 ? FS : GS;
  return some_null_rpl && seg >= 0 && *selector_of(r, seg) < 4;
}
static int pushes_segment(const u8 *p) { return *p == 0x06 || *p == 0x0E || *p == 0x16 || *p == 0x1E || (*p == 0x0F && (p[1] == 0xA0 || p[1] == 0xA8)); }
static int pops_segment(const u8 *p) { return *p == 0x07 || *p == 0x17 || *p == 0x1F || (*p == 0x0F && (p[1] == 0xA1 || p[1] == 0xA9)); }
static u32 stack_pointer(const struct user_regs_struct *r) { return kind_of(r->ss)->flags & BIG ? r->rsp : (u16)r->rsp; }
/* LAR of a doubleword leaves bits 16 to 19 undefined; PUSH of a segment register as a doubleword stores zeros in its
 * upper half, or nothing. Both become zero. */
static void clear_undefined(int n, struct user_regs_struct *r) {
  enum { ZF = 0x40, UNDEFINED = 0xF0000 }; int bytes;
  const u8 *p = opcode_of(n, &bytes);
  if (bytes != 4) return;
  if (p[0] == 0x0F && p[1] == 2 && r->eflags & ZF) {
    *reg(r, p[2] >> 3 & 7) &= ~(u64)UNDEFINED; ptrace(PTRACE_SETREGS, pid, 0, r);
  }
  if (pushes_segment(p)) memset(M + (kind_of(r->ss)->base + stack_pointer(r) + 2 - WINDOW), 0, 2);
}
/* Whether the instruction is one of which the maker decides how much of the stack it needs, with little of it left. A
 * RETF that is refused for its selector's RPL has looked for an outer stack pointer on AMD's; PUSH and POP of a segment
 * register as a doubleword access two bytes or four. */
static int reaches_further(int n, const struct user_regs_struct *r) {
  int bytes; const u8 *p = opcode_of(n, &bytes);
  u32 sp = stack_pointer(r), last = highest(kind_of(r->ss));
  if (*p == 0xCA || *p == 0xCB) return sp > last - 4 * bytes - 16;
  return bytes == 4 && ((pops_segment(p) && sp > last - 3) || (pushes_segment(p) && sp - 4 > last - 3));
}
/* What a far call that is refused has stored below the stack pointer is the maker's choice. */
static int is_far_call(int n) {
  int bytes; const u8 *p = opcode_of(n, &bytes);
  return *p == 0x9A || (*p == 0xFF && (p[1] >> 3 & 7) == 3);
}
/* Whether the next step may be made, and what of. */
static int may_step(struct user_regs_struct *r, int *n) {
  u32 linear = code_base(r) + r->rip;
  if (memcmp(M + TEXT, code, length)) return 0; /* it has overwritten itself */
  *n = insn_at(linear, r);
  if (*n < 0) return linear - WINDOW >= SPAN; /* nothing is there, and the fetch faults */
  return *n != insns - 1 && !stores_null(*n, r) && !reaches_further(*n, r);
}
static void never(int signal) { (void)signal; }
static void child(void) {
  static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE};
  struct sigaction action = {.sa_handler = never, .sa_flags = SA_ONSTACK | SA_NODEFER};
  stack_t stack = {.ss_sp = signal_stack, .ss_size = SPAN};
  install(); sigaltstack(&stack, 0);
  for (int n = 0; n < 4; n++) sigaction(signals[n], &action, 0);
  ptrace(PTRACE_TRACEME, 0, 0, 0); raise(SIGSTOP); _exit(0);
}
/* Resumes the child for a step; the signal it stops with. */
static int step(int signal, struct user_regs_struct *r) {
  int status;
  ptrace(PTRACE_SINGLESTEP, pid, 0, signal); waitpid(pid, &status, 0);
  if (!WIFSTOPPED(status)) { fprintf(stderr, "the child died\n"); exit(1); }
  ptrace(PTRACE_GETREGS, pid, 0, r);
  return WSTOPSIG(status);
}

static void hex(const u8 *p, int n) { for (; n--; p++) printf("%02x", *p); }
static void print_registers(struct user_regs_struct *r, struct user_regs_struct *old) {
  static const char *const names[] = {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di"};
  printf("\"ip\":\"%x\",\"fl\":\"%llx\",\"sel\":[", (u32)r->rip, r->eflags & STATUS_AND_DIRECTION);
  for (int seg = 0; seg < SEGMENT_REGISTERS; seg++) { u16 s = *selector_of(r, seg); printf(seg ? ",%d" : "%d", s < 4 ? 0 : s); }
  printf("]");
  /* The upper half of RSP is what Linux leaves there when it returns to a 16-bit stack. */
  for (int n = 0; n < 8; n++) if (!old || (u32)*reg(r, n) != (u32)*reg(old, n)) printf(",\"%s\":\"%x\"", names[n], (u32)*reg(r, n));
}
static void print_changes(u8 *last) {
  int some = 0;
  for (u32 page = 0; page < SPAN; page += PAGE) if (memcmp(M + page, last + page, PAGE))
    for (u32 i = page; i < page + PAGE; i++) if (M[i] != last[i]) {
      u32 j = i; while (j < page + PAGE && M[j] != last[j]) j++;
      printf(some++ ? ",[\"%x\",\"" : ",\"mem\":[[\"%x\",\"", WINDOW + i); hex(M + i, j - i); printf("\"]");
      memcpy(last + i, M + i, j - i); i = j;
    }
  if (some) printf("]");
}
/* The exception of a signal, from the frame that Linux makes when the signal is delivered. */
static void print_exception(int signal) {
  struct user_regs_struct r;
  step(signal, &r);
  const greg_t *g = ((const ucontext_t *)r.rdx)->uc_mcontext.gregs;
  printf(",\"ex\":%d,\"err\":%d,\"cr2\":\"%x\"", (int)g[REG_TRAPNO], (int)g[REG_ERR], (u32)g[REG_CR2]);
}
static void print_world(void) {
  u8 table[LOCALS * 8];
  install();
  syscall(SYS_modify_ldt, 0, table, sizeof table);
  printf("{\"ldt\":\""); hex(table, sizeof table); printf("\",\"ram\":[[\"%x\",\"", WINDOW); hex(background, SPAN); printf("\"]]}\n");
}
static void print_vector(int mode) {
  static u8 last[SPAN]; struct user_regs_struct before = first, r; int n, steps = 0, signal = SIGTRAP;
  memcpy(last, M, SPAN);
  if (ptrace(PTRACE_SETREGS, pid, 0, &first)) { perror("SETREGS"); exit(1); }
  printf("{\"m\":%d,\"i\":{", mode); print_registers(&first, 0);
  printf("},\"ram\":[[\"%x\",\"", WINDOW + TEXT); hex(code, length); printf("\"]");
  for (int i = 0; i < plants; i++) { printf(",[\"%x\",\"", planted[i].at); hex(M + planted[i].at - WINDOW, planted[i].bytes); printf("\"]"); }
  printf("],\"steps\":[");
  while (signal == SIGTRAP && steps < MOST_STEPS && may_step(&before, &n)) {
    int executed = 0;
    do { signal = step(0, &r); executed++; } while (signal == SIGTRAP && r.rip == before.rip && r.cs == before.cs);
    /* The trap came after the next instruction, or that one raised the exception. */
    if (n >= 0 && insn[n].loads_ss && (signal == SIGTRAP || r.rip != before.rip)) executed++;
    if (n >= 0 && signal == SIGTRAP) clear_undefined(n, &r);
    if (n >= 0 && signal != SIGTRAP && is_far_call(n)) memcpy(M, last, SPAN);
    printf(steps++ ? ",{" : "{"); printf("\"n\":%d,", executed); print_registers(&r, &before); print_changes(last); printf("}");
    before = r;
  }
  printf("]"); if (signal != SIGTRAP) print_exception(signal);
  printf("}\n");
}

int main(int count, char **arguments) {
  if (count < 5) { fprintf(stderr, "usage: segments 16|32 seg COUNT SEED\n"); return 2; }
  int mode = atoi(arguments[1]), status; long vectors = atol(arguments[3]); struct user_regs_struct base;
  S = strtoull(arguments[4], 0, 0) * 0x9E3779B97F4A7C15ULL + 1;
  int shared = MAP_SHARED | MAP_ANONYMOUS;
  if (mmap(M, SPAN, PROT_READ | PROT_WRITE | PROT_EXEC, shared | MAP_FIXED, -1, 0) != M) { perror("mmap"); return 1; }
  signal_stack = mmap(0, SPAN, PROT_READ | PROT_WRITE, shared, -1, 0);
  for (u32 at = 0; at < SPAN; at += 2) {
    u16 s = R(2) ? any_selector() : harmless();
    if (s < 4) s = 0; /* with its RPL it would not be known what is loaded */
    if (at < TEXT || at >= 2 * PAGE) memcpy(background + at, &s, 2);
  }
  if (!(pid = fork())) child();
  waitpid(pid, &status, 0); ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_EXITKILL); ptrace(PTRACE_GETREGS, pid, 0, &base);
  print_world();
  while (vectors--) { make_program(mode, &base); print_vector(mode); }
  kill(pid, SIGKILL); return 0;
}
