//! The saved form of the adapter.

use super::crtc::REGISTERS;
use super::memory::MemoryV1;
use super::registers::{Attribute, Dac, Graphics, Sequencer, access};
use super::spec::{AttributeAddress, DacState, MiscellaneousOutput};
use super::vbe::{Vbe, VbeV1};
use super::{Crtc, Latch, Shown, Vga};
use bus::{Saved, Snapshot, SnapshotError, Time, decode, encode};
use serde::{Deserialize, Serialize};

/// Saved [`Vga`], also a part of its socket's saved type.
#[derive(Serialize, Deserialize)]
pub(super) struct VgaV3 {
    miscellaneous: u8,
    feature_control: u8,
    enabled: bool,
    sequencer: (u8, [u8; 5]),
    crtc: (u8, [u8; REGISTERS]),
    latch: (u16, u64),
    graphics: (u8, [u8; 9]),
    attribute: AttributeV1,
    dac: DacV2,
    vbe: VbeV1,
    memory: MemoryV1,
}

#[derive(Serialize, Deserialize)]
struct AttributeV1 {
    address: u8,
    data_next: bool,
    registers: [u8; 21],
}

#[derive(Serialize, Deserialize)]
struct DacV2 {
    mask: u8,
    state: u8,
    read_index: u8,
    write_index: u8,
    component: u8,
    pending: [u8; 3],
    entries: Vec<[u8; 3]>,
}

impl Vga {
    pub(super) fn to_saved(&self) -> VgaV3 {
        let Self {
            clock: _,
            shown: _,
            memory,
            sequencer,
            crtc,
            graphics,
            attribute,
            dac,
            vbe,
            miscellaneous,
            feature_control,
            enabled,
            latch: Latch { start, until },
            access: _,
        } = self;
        let Attribute { address, data_next, registers } = attribute;
        let Dac { mask, state, read_index, write_index, component, pending, entries, eight_bits: _ } = dac;
        VgaV3 {
            miscellaneous: miscellaneous.into_bits(),
            feature_control: *feature_control,
            enabled: *enabled,
            sequencer: (sequencer.index, sequencer.registers),
            crtc: (crtc.index, crtc.registers),
            latch: (*start, until.0),
            graphics: (graphics.index, graphics.registers),
            attribute: AttributeV1 {
                address: address.into_bits(),
                data_next: *data_next,
                registers: *registers,
            },
            dac: DacV2 {
                mask: *mask,
                state: state.0,
                read_index: *read_index,
                write_index: *write_index,
                component: *component,
                pending: *pending,
                entries: entries.to_vec(),
            },
            vbe: vbe.save(),
            memory: memory.save(),
        }
    }

    /// Takes over a saved state; nothing has changed if it cannot be.
    pub(super) fn take_over(&mut self, saved: VgaV3) -> Result<(), &'static str> {
        let VgaV3 {
            miscellaneous,
            feature_control,
            enabled,
            sequencer,
            crtc,
            latch,
            graphics,
            attribute,
            dac,
            vbe,
            memory,
        } = saved;
        self.memory.check(&memory)?;
        let vbe = Vbe::restored(&vbe, self.memory.bytes().len()).ok_or("no VBE mode is like that")?;
        let entries: [[u8; 3]; 256] = dac.entries.try_into().map_err(|_| "the DAC has not 256 entries")?;
        let eight_bits = vbe.dac_8_bit();
        if !eight_bits && entries.as_flattened().iter().chain(&dac.pending).any(|value| *value > 0x3F) {
            return Err("a color of the DAC has more than six bits");
        }
        if dac.component > 2 {
            return Err("a color has three components");
        }
        self.memory.restore(&memory);
        self.sequencer = Sequencer { index: sequencer.0, registers: sequencer.1 };
        self.graphics = Graphics { index: graphics.0, registers: graphics.1 };
        self.crtc = Crtc { index: crtc.0, registers: crtc.1 };
        self.latch = Latch { start: latch.0, until: Time(latch.1) };
        self.attribute = Attribute {
            address: AttributeAddress::from_bits(attribute.address),
            data_next: attribute.data_next,
            registers: attribute.registers,
        };
        self.dac = Dac {
            mask: dac.mask,
            state: DacState(dac.state),
            read_index: dac.read_index,
            write_index: dac.write_index,
            component: dac.component,
            pending: dac.pending,
            entries,
            eight_bits,
        };
        self.vbe = vbe;
        self.miscellaneous = MiscellaneousOutput::from_bits(miscellaneous);
        self.feature_control = feature_control;
        self.enabled = enabled;
        self.access = access(&self.sequencer, &self.graphics, &self.vbe);
        self.shown = Shown { stale: true, ..std::mem::take(&mut self.shown) };
        Ok(())
    }
}

impl Snapshot for Vga {
    fn saved_as(&self) -> (&'static str, u16) {
        ("vga", 3)
    }

    fn save(&self) -> Vec<u8> {
        encode(&self.to_saved())
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), SnapshotError> {
        let (part, 3) = (self.saved_as().0, saved.version) else {
            return Err(SnapshotError::Version { part: self.saved_as().0, found: saved.version });
        };
        let saved: VgaV3 = decode(part, saved.bytes)?;
        self.take_over(saved).map_err(|why| SnapshotError::Invalid { part, why })
    }
}
