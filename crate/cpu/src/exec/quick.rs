//! `Quick`: the `Micro` of the hot loop's specialised arms. It does what needs no care, and gives up
//! otherwise.
//!
//! An arm that could fault, or reach a device, would have to go on afterwards as if it had not. V8 then
//! keeps everything the arm needs in stack slots, for the sake of a call that almost never happens, and each
//! instruction begins with loading where the next one lies. So an access off the fast path, or anything that
//! would raise an exception, is a [`Miss`]: nothing has been committed (micro-operations that may fail come
//! first), the arm is forgotten, and the instruction is done anew in the general way.
//!
//! Every row of the table not named here does what it does in `Exec`.

use super::Exec;
use crate::insn::{Gpr, Helper, Insn, Mem, Width};
use crate::micro::{BinOp, CmpOp, FlagOp, Micro, Shuffle, SseArith, SseConvert, UnOp, VecOp};
use crate::mmu::RamOffset;
use x86::{Cond, Seg};

/// To be done in the general way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Miss;

/// One instruction at work.
#[derive(Debug)]
pub(super) struct Quick<'x, 'a> {
    pub(super) x: &'x mut Exec<'a>,
    /// Where it goes on, if it jumped.
    pub(super) target: Option<u64>,
}

impl<'x, 'a> Quick<'x, 'a> {
    #[inline(always)]
    pub(super) fn new(x: &'x mut Exec<'a>) -> Self {
        Self { x, target: None }
    }

    #[inline(always)]
    fn go_to(&mut self, target: u64) -> Result<(), Miss> {
        if target > u64::from(self.x.cpu.segs[Seg::Cs as usize].max) {
            return Err(Miss);
        }
        self.target = Some(target);
        Ok(())
    }
}

macro_rules! infallible {
    (peek $($rest:tt)*) => {
        #[inline(always)]
        fn peek(&mut self, w: Width, p: RamOffset) -> u64 {
            self.x.mmu.peek(p, w)
        }
    };
    (poke $($rest:tt)*) => {
        #[inline(always)]
        fn poke(&mut self, w: Width, p: RamOffset, v: u64) {
            self.x.mmu.poke(p, w, v);
        }
    };
    ($name:ident { $($s:ident : $st:ty),* } ($($v:ident : $k:tt),*) -> $r:tt) => {
        #[inline(always)]
        fn $name(&mut self $(, $s: $st)* $(, $v: crate::value_kind!(Exec<'a>, $k))*) -> crate::value_kind!(Exec<'a>, $r) {
            self.x.$name($($s,)* $($v),*)
        }
    };
}

macro_rules! fallible {
    (load $($rest:tt)*) => {
        #[inline(always)]
        fn load(&mut self, w: Width, seg: Seg, ea: u64) -> Result<u64, Miss> {
            if seg != Seg::Flat {
                return Err(Miss);
            }
            self.x.mmu.fast_load(ea, w).ok_or(Miss)
        }
    };
    (store $($rest:tt)*) => {
        #[inline(always)]
        fn store(&mut self, w: Width, seg: Seg, ea: u64, v: u64) -> Result<(), Miss> {
            if seg == Seg::Flat && self.x.mmu.fast_store(ea, w, v) { Ok(()) } else { Err(Miss) }
        }
    };
    (rmw $($rest:tt)*) => {
        #[inline(always)]
        fn rmw(&mut self, w: Width, seg: Seg, ea: u64) -> Result<RamOffset, Miss> {
            if seg != Seg::Flat {
                return Err(Miss);
            }
            self.x.mmu.fast_place(ea, w).ok_or(Miss)
        }
    };
    (jump $($rest:tt)*) => {
        #[inline(always)]
        fn jump(&mut self, w: Width, target: u64) -> Result<(), Miss> {
            self.go_to(target & w.mask())
        }
    };
    (branch $($rest:tt)*) => {
        #[inline(always)]
        fn branch(&mut self, w: Width, offset: i32) -> Result<(), Miss> {
            let target = self.eip(w, offset);
            self.go_to(target)
        }
    };
    (branch_if $($rest:tt)*) => {
        #[inline(always)]
        fn branch_if(&mut self, w: Width, offset: i32, c: u64) -> Result<(), Miss> {
            if c != 0 { self.branch(w, offset) } else { Ok(()) }
        }
    };
    ($name:ident { $($s:ident : $st:ty),* } ($($v:ident : $k:tt),*) -> $r:tt) => {
        #[inline(always)]
        fn $name(&mut self $(, $s: $st)* $(, $v: crate::value_kind!(Exec<'a>, $k))*) -> Result<crate::value_kind!(Exec<'a>, $r), Miss> {
            self.x.$name($($s,)* $($v),*).map_err(|_| Miss)
        }
    };
}

macro_rules! define_quick {
    (infallible { $($(#[$id:meta])* $in:ident $is:tt $iv:tt -> $ir:tt;)* }
     fallible { $($(#[$fd:meta])* $fn:ident $fs:tt $fv:tt -> $fr:tt;)* }) => {
        impl<'a> Micro for Quick<'_, 'a> {
            type I = u64;
            type X = <Exec<'a> as Micro>::X;
            type V = u128;
            type P = RamOffset;
            type Stop = Miss;

            #[inline(always)]
            fn when(&mut self, c: u64, body: impl FnOnce(&mut Self) -> Result<(), Miss>) -> Result<(), Miss> {
                if c != 0 { body(self) } else { Ok(()) }
            }
            $(infallible! { $in $is $iv -> $ir })*
            $(fallible! { $fn $fs $fv -> $fr })*
        }
    };
}

crate::for_each_micro_op!(define_quick);
