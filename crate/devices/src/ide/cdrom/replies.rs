//! Packet commands that are answered from what the drive knows: what it is, what it can do, what lies in it.

use super::super::front::Front;
use super::super::spec::{Packet, Sense};
use super::{BLOCK, CdRom, Event, PACKET};

/// Blocks from the beginning of a disc to its first block of data: two seconds of 75.
const LEAD_IN: u32 = 150;
/// Track number of the lead-out.
const LEAD_OUT: u8 = 0xAA;
/// More blocks than a CD of 80 minutes has: such a medium is a DVD.
const CD_BLOCKS: u32 = 80 * 60 * 75;

/// Profiles (MMC-2, section 5.2).
const PROFILE_CD_ROM: u16 = 0x0008;
const PROFILE_DVD_ROM: u16 = 0x0010;

/// The speed it claims, in KB/s.
const SPEED: u16 = 5_632;

/// A reply and how many bytes of it the host wants.
type Reply = (Vec<u8>, usize);

impl CdRom {
    /// The reply to a command that only asks.
    pub(super) fn reply(
        &mut self,
        front: &Front,
        code: Packet,
        packet: &[u8; PACKET],
    ) -> Result<Reply, Sense> {
        let [_, p1, p2, p3, p4, _, p6, p7, p8, p9, ..] = *packet;
        let (byte, word) = (usize::from(p4), usize::from(u16::from_be_bytes([p7, p8])));
        match code {
            Packet::REQUEST_SENSE => Ok((self.sense_data(), byte)),
            Packet::INQUIRY if p1 & 1 != 0 || p2 != 0 => Err(Sense::INVALID_FIELD),
            Packet::INQUIRY => Ok((inquiry(), byte)),
            Packet::READ_CAPACITY => {
                let last = self.blocks(front)?.saturating_sub(1).to_be_bytes();
                Ok(([last, (BLOCK as u32).to_be_bytes()].concat(), 8))
            }
            Packet::READ_TOC => {
                let blocks = self.blocks(front)?;
                // Older hosts say the format in the control byte.
                let format = if p2 & 0xF != 0 { p2 & 0xF } else { p9 >> 6 };
                Ok((toc(format, p1 & 2 != 0, p6, blocks)?, word))
            }
            Packet::READ_SUBCHANNEL => {
                self.blocks(front)?;
                Ok((subchannel(p2 & 0x40 != 0, p3)?, word))
            }
            Packet::READ_DISC_INFORMATION => {
                self.blocks(front)?;
                Ok((disc_information(), word))
            }
            Packet::GET_CONFIGURATION => {
                let from = u16::from_be_bytes([p2, p3]);
                Ok((self.configuration(front, from, p1 & 3)?, word))
            }
            Packet::GET_EVENT_STATUS_NOTIFICATION => Ok((self.event_status(front, p1, p4)?, word)),
            Packet::MODE_SENSE_10 => Ok((self.mode_sense(front, p2, true)?, word)),
            Packet::MODE_SENSE_6 => Ok((self.mode_sense(front, p2, false)?, byte)),
            Packet::MECHANISM_STATUS => {
                let door = if self.tray_open { 0x10 } else { 0 };
                Ok((vec![0, door, 0, 0, 0, 1, 0, 0], usize::from(u16::from_be_bytes([p8, p9]))))
            }
            _ => Err(Sense::INVALID_COMMAND),
        }
    }

    /// SPC-2, section 7.20.
    fn sense_data(&mut self) -> Vec<u8> {
        let mut sense = std::mem::take(&mut self.sense);
        if sense == Sense::NONE
            && let Some(attention) = self.attention.take()
        {
            sense = attention;
        }
        let mut data = vec![0; 18];
        for (at, value) in [(0, 0x70), (2, sense.key), (7, 10), (12, sense.asc), (13, sense.ascq)] {
            if let Some(byte) = data.get_mut(at) {
                *byte = value;
            }
        }
        data
    }

    /// MMC-2, section 9.1.5 (feature descriptors: 5.3).
    fn configuration(&self, front: &Front, from: u16, which: u8) -> Result<Vec<u8>, Sense> {
        let blocks = self.blocks(front).ok();
        let current = blocks.map(|blocks| if blocks > CD_BLOCKS { PROFILE_DVD_ROM } else { PROFILE_CD_ROM });
        let is = |profile: u16| u8::from(current == Some(profile));
        let [cd, dvd] = [PROFILE_CD_ROM, PROFILE_DVD_ROM].map(u16::to_be_bytes);
        let profiles = vec![dvd[0], dvd[1], is(PROFILE_DVD_ROM), 0, cd[0], cd[1], is(PROFILE_CD_ROM), 0];
        // Feature, persistent and current, data.
        let features: [(u16, u8, Vec<u8>); 6] = [
            (0x0000, 0x03, profiles),                                           // profile list
            (0x0001, 0x03, vec![0, 0, 0, 2]),                                   // core: ATAPI
            (0x0003, 0x03, vec![0x29, 0, 0, 0]), // removable medium: tray, ejects, locks
            (0x0010, u8::from(blocks.is_some()), vec![0, 0, 8, 0, 0, 1, 0, 0]), // random readable
            (0x001D, is(PROFILE_CD_ROM), vec![]), // multi-read
            (0x001E, is(PROFILE_CD_ROM), vec![]), // CD read
        ];
        let mut body = Vec::new();
        for (code, flags, data) in features {
            let wanted = match which {
                0 => code >= from,
                1 => code >= from && flags & 1 != 0,
                2 => code == from,
                _ => return Err(Sense::INVALID_FIELD),
            };
            if wanted {
                body.extend_from_slice(&code.to_be_bytes());
                body.extend_from_slice(&[flags, data.len() as u8]);
                body.extend_from_slice(&data);
            }
        }
        let mut reply = (body.len() as u32 + 4).to_be_bytes().to_vec();
        reply.extend_from_slice(&[0, 0]);
        reply.extend_from_slice(&current.unwrap_or(0).to_be_bytes());
        reply.extend_from_slice(&body);
        Ok(reply)
    }

    /// MMC-2, section 9.1.6. Only the class of media events (4) is here, and only polling.
    fn event_status(&mut self, front: &Front, how: u8, classes: u8) -> Result<Vec<u8>, Sense> {
        const MEDIA: u8 = 4;
        if how & 1 == 0 {
            return Err(Sense::INVALID_FIELD);
        }
        if classes & 1 << MEDIA == 0 {
            return Ok(vec![0, 2, 0x80, 1 << MEDIA]);
        }
        let event = match std::mem::replace(&mut self.event, Event::None) {
            Event::None => 0,
            Event::EjectRequest => 1,
            Event::NewMedia => 2,
            Event::MediaRemoval => 3,
        };
        let present = u8::from(front.medium.medium().is_some() && !self.tray_open);
        Ok(vec![0, 6, MEDIA, 1 << MEDIA, event, present << 1 | u8::from(self.tray_open), 0, 0])
    }

    /// MMC-2, sections 9.1.7 and 8.6: error recovery and capabilities.
    fn mode_sense(&self, front: &Front, page: u8, ten: bool) -> Result<Vec<u8>, Sense> {
        let (control, page) = (page >> 6, page & 0x3F);
        if control == 3 {
            // There are no saved values.
            return Err(Sense { key: 5, asc: 0x39, ascq: 0 });
        }
        let mut pages = Vec::new();
        if matches!(page, 0x01 | 0x3F) {
            pages.extend_from_slice(&[0x01, 6, 0, 5, 0, 0, 0, 0]);
        }
        if matches!(page, 0x2A | 0x3F) {
            let [high, low] = SPEED.to_be_bytes();
            let locked = u8::from(self.locked) << 1;
            // Reads CD-R and CD-RW; multi-session; tray, ejects, can be locked.
            let bits = [0x2A, 18, 0x03, 0, 0x40, 0, 0x29 | locked, 0];
            pages.extend_from_slice(&bits);
            pages.extend_from_slice(&[high, low, 0, 2, 0, 0, high, low, 0, 0, 0, 0]);
        }
        if pages.is_empty() {
            return Err(Sense::INVALID_FIELD);
        }
        if control == 1 {
            // Nothing can be changed.
            mask_pages(&mut pages);
        }
        // Medium type: a disc of 120 mm with data, the door open, or nothing.
        let medium = match self.blocks(front) {
            Ok(_) => 0x01,
            Err(Sense::NO_MEDIUM_TRAY_OPEN) => 0x71,
            Err(_) => 0x70,
        };
        let mut reply = if ten {
            let [high, low] = (pages.len() as u16 + 6).to_be_bytes();
            vec![high, low, medium, 0, 0, 0, 0, 0]
        } else {
            vec![pages.len() as u8 + 3, medium, 0, 0]
        };
        reply.append(&mut pages);
        Ok(reply)
    }
}

/// Clears all of the pages but their codes and lengths.
fn mask_pages(pages: &mut [u8]) {
    let mut rest = pages;
    while let [_, len, tail @ ..] = rest {
        let len = usize::from(*len).min(tail.len());
        let (page, next) = tail.split_at_mut(len);
        page.fill(0);
        rest = next;
    }
}

/// SPC-2, section 7.3.
fn inquiry() -> Vec<u8> {
    // CD-ROM, removable, no version of SCSI, ATAPI data format, 31 more bytes.
    let mut data = vec![0x05, 0x80, 0x00, 0x21, 31, 0, 0, 0];
    data.extend_from_slice(b"PageVM  ");
    data.extend_from_slice(b"CD-ROM          ");
    data.extend_from_slice(b"1.0 ");
    data
}

/// An address as the host wants it: a block number, or minutes, seconds and frames.
fn address(block: u32, msf: bool) -> [u8; 4] {
    if !msf {
        return block.to_be_bytes();
    }
    let frames = block.saturating_add(LEAD_IN);
    let minutes = (frames / (60 * 75)).min(255) as u8;
    [0, minutes, (frames / 75 % 60) as u8, (frames % 75) as u8]
}

/// MMC-2, section 9.1.16: one track of data in one session.
fn toc(format: u8, msf: bool, first: u8, blocks: u32) -> Result<Vec<u8>, Sense> {
    // Data track, recorded uninterrupted; position of the track is in the sub-channel.
    const DATA: u8 = 0x14;
    let mut body = vec![1, 1];
    match format {
        0 => {
            if first > 1 && first != LEAD_OUT {
                return Err(Sense::INVALID_FIELD);
            }
            let tracks = [(1, 0), (LEAD_OUT, blocks)];
            for (track, start) in tracks.into_iter().filter(|(track, _)| *track >= first) {
                body.extend_from_slice(&[0, DATA, track, 0]);
                body.extend_from_slice(&address(start, msf));
            }
        }
        1 => {
            body.extend_from_slice(&[0, DATA, 1, 0]);
            body.extend_from_slice(&address(0, msf));
        }
        2 => {
            // First track, last track, lead-out, track 1; addresses are always minutes, seconds, frames.
            for (point, [_, m, s, f]) in [
                (0xA0, [0, 1, 0, 0]),
                (0xA1, [0, 1, 0, 0]),
                (0xA2, address(blocks, true)),
                (1, address(0, true)),
            ] {
                body.extend_from_slice(&[1, DATA, 0, point, 0, 0, 0, 0, m, s, f]);
            }
        }
        _ => return Err(Sense::INVALID_FIELD),
    }
    let mut reply = (body.len() as u16).to_be_bytes().to_vec();
    reply.append(&mut body);
    Ok(reply)
}

/// MMC-2, section 9.1.15: no audio is played, and no catalogue number is on the disc.
fn subchannel(data: bool, format: u8) -> Result<Vec<u8>, Sense> {
    const NO_STATUS: u8 = 0x15;
    if !data {
        return Ok(vec![0, NO_STATUS, 0, 0]);
    }
    match format {
        1 => Ok([vec![0, NO_STATUS, 0, 12, 1, 0x14, 1, 1], vec![0; 8]].concat()),
        2 | 3 => Ok([vec![0, NO_STATUS, 0, 20, format, 0, 0, 0], vec![0; 16]].concat()),
        _ => Err(Sense::INVALID_FIELD),
    }
}

/// MMC-2, section 9.1.11: one complete session.
fn disc_information() -> Vec<u8> {
    let mut data = vec![0, 32, 0x0E, 1, 1, 1, 1, 0x20];
    data.resize(34, 0);
    // No position for another session.
    for byte in data.iter_mut().skip(16).take(8) {
        *byte = 0xFF;
    }
    data
}
