//! 82371AB (PIIX4): the south bridge. Function 0 is the bridge to ISA, function 3 power management.
//!
//! Source: Intel 82371AB data sheet, order 290562. The chips that the package also holds (interrupt
//! controllers, timers, real time clock) are devices of their own; function 1 is the IDE controller and
//! comes with it.

mod isa_bridge;
mod power;
mod smbus;
pub mod spec;

pub use isa_bridge::Piix4Isa;
pub use power::Piix4Power;
