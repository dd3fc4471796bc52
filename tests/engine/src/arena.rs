//! Memory that this process and translated code share.
//!
//! All arenas lie in one reservation, so that one comparison tells whether something to be freed is of an arena. An
//! arena only grows, from its beginning to its end, and is never given back: a test has a few of them.
//!
//! UNSAFETY: this is the global allocator, and it reads and writes memory by address. What makes it sound: the
//! reservation is never freed; each byte of it is given out at most once, to one allocation or arena; and a byte that
//! belongs to nothing is zero, because the system's fresh memory is and nobody writes there.

#![expect(unsafe_code, reason = "a global allocator, and a view of all it has allocated; see above")]

use cpu::exec::Exec;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of the reservation. What is not touched costs nothing.
const RESERVED: usize = 1 << 30;
/// Arenas are whole pages of wasm.
pub(crate) const WASM_PAGE: usize = 1 << 16;

/// Where the reservation begins; 0 as long as there is none.
static RESERVATION: AtomicUsize = AtomicUsize::new(0);
/// Bytes of it that belong to arenas.
static TAKEN: Mutex<usize> = Mutex::new(0);

/// The rest of the arena that a thread allocates from.
#[derive(Clone, Copy, Debug)]
struct Open {
    next: usize,
    end: usize,
    /// Something did not fit.
    full: bool,
}

thread_local! {
    // Without a destructor, and made without allocating: an allocator may use it.
    static OPEN: Cell<Option<Open>> = const { Cell::new(None) };
}

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

struct Allocator;

/// A place in this thread's open arena.
fn take(layout: Layout) -> Option<*mut u8> {
    let open = OPEN.get()?;
    let at = open.next.next_multiple_of(layout.align());
    let next = at.checked_add(layout.size()).filter(|next| *next <= open.end);
    OPEN.set(Some(Open { next: next.unwrap_or(open.next), full: open.full || next.is_none(), ..open }));
    next.map(|_| ptr::with_exposed_provenance_mut(at))
}

fn is_of_an_arena(p: *mut u8) -> bool {
    let begin = RESERVATION.load(Ordering::Relaxed);
    begin != 0 && p.addr().wrapping_sub(begin) < RESERVED
}

// SAFETY: what comes from an arena is a range of its own, as large and as aligned as was asked for, zero, and stays
// for ever; all else is the system's business, from beginning to end.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller says.
        take(layout).unwrap_or_else(|| unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller says.
        take(layout).unwrap_or_else(|| unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn dealloc(&self, p: *mut u8, layout: Layout) {
        if !is_of_an_arena(p) {
            // SAFETY: as the caller says; and it came from the system.
            unsafe { System.dealloc(p, layout) }
        }
    }

    unsafe fn realloc(&self, p: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !is_of_an_arena(p) {
            // SAFETY: as the caller says; and it came from the system.
            return unsafe { System.realloc(p, layout, size) };
        }
        // SAFETY: as the caller says: the size is not 0 and does not overflow with this alignment.
        let new = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !new.is_null() {
            // SAFETY: both have room for the smaller of the sizes, and the new one is nobody else's.
            unsafe { ptr::copy_nonoverlapping(p, new, layout.size().min(size)) };
        }
        new
    }
}

/// A part of the reservation, which one engine takes for its linear memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arena {
    begin: usize,
    bytes: usize,
}

impl Arena {
    /// An arena of its own, all zero.
    pub(crate) fn new(bytes: usize) -> Self {
        let bytes = bytes.next_multiple_of(WASM_PAGE);
        let mut taken = TAKEN.lock().expect("nobody panics with it");
        if *taken == 0 {
            let layout = Layout::from_size_align(RESERVED, WASM_PAGE).expect("a power of two");
            // SAFETY: not of size 0.
            let p = unsafe { System.alloc_zeroed(layout) };
            assert!(!p.is_null(), "no address space for arenas");
            RESERVATION.store(p.expose_provenance(), Ordering::Relaxed);
        }
        let begin = RESERVATION.load(Ordering::Relaxed) + *taken;
        *taken += bytes;
        assert!(*taken <= RESERVED, "too many arenas");
        Self { begin, bytes }
    }

    /// Runs `make`; what it allocates on this thread lies in the arena.
    pub(crate) fn open<T>(self, make: impl FnOnce() -> T) -> T {
        struct Close;
        impl Drop for Close {
            fn drop(&mut self) {
                OPEN.set(None);
            }
        }
        assert!(OPEN.get().is_none(), "an arena within an arena");
        OPEN.set(Some(Open { next: self.begin, end: self.begin + self.bytes, full: false }));
        let close = Close;
        let made = make();
        let full = OPEN.get().is_some_and(|open| open.full);
        drop(close);
        assert!(!full, "an arena of {} bytes is too small", self.bytes);
        made
    }

    pub(crate) const fn begin(self) -> usize {
        self.begin
    }

    pub(crate) const fn bytes(self) -> usize {
        self.bytes
    }

    /// All of it, for an engine.
    ///
    /// # Safety
    /// The engine uses it only while translated code runs, or (new engines clear their memory) in `kept`.
    pub(crate) unsafe fn memory(self) -> &'static mut [u8] {
        // SAFETY: never freed and always initialised; whoever has allocated there does not look while it is used, as the
        // caller promises.
        unsafe { std::slice::from_raw_parts_mut(ptr::with_exposed_provenance_mut(self.begin), self.bytes) }
    }

    /// Runs something that may overwrite the arena, and puts back what was there.
    pub(crate) fn kept<T>(self, f: impl FnOnce() -> T) -> T {
        let begin = ptr::with_exposed_provenance_mut::<u8>(self.begin);
        let mut old = vec![0; self.bytes];
        assert!(!is_of_an_arena(old.as_mut_ptr()), "within an open arena");
        // SAFETY: both have so many bytes, and no allocation of an arena overlaps one of the system's.
        unsafe { ptr::copy_nonoverlapping(begin, old.as_mut_ptr(), self.bytes) };
        let result = f();
        // SAFETY: as above.
        unsafe { ptr::copy_nonoverlapping(old.as_ptr(), begin, self.bytes) };
        result
    }

    /// The address, for translated code, of what lies at an address of ours; `None` if it is not in the arena.
    pub(crate) fn address(self, p: *mut Exec<'static>) -> Option<u32> {
        let at = p.expose_provenance().checked_sub(self.begin)?;
        (at + size_of::<Exec<'static>>() <= self.bytes).then_some(at as u32)
    }

    /// The processor at an address of translated code.
    ///
    /// # Safety
    /// The address is one that [`Arena::address`] gave to the call of translated code that is under way, whose reference
    /// nobody uses until it returns.
    pub(crate) unsafe fn processor<'a>(self, at: u32) -> &'a mut Exec<'static> {
        // SAFETY: as the caller says.
        unsafe { &mut *ptr::with_exposed_provenance_mut(self.begin + at as usize) }
    }
}
