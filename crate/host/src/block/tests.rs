use super::*;
use crate::Entropy;
use crate::entropy::Seeded;

fn ask(block: &mut dyn Block, operation: Operation) -> Result<Vec<u8>, BlockError> {
    block.submit(Request { id: RequestId(7), operation });
    let completion = block.poll().expect("memory answers at once");
    assert_eq!(completion.id, RequestId(7));
    assert_eq!(block.poll(), None);
    completion.result
}

#[test]
fn what_is_written_can_be_read() {
    let mut disk = Recording::new(Memory::new(vec![1; 1000], false));
    assert_eq!(disk.medium(), Some(Medium { sectors: 2, read_only: false }));
    assert_eq!(ask(&mut disk, Operation::Write { first: 1, data: vec![9; 512] }), Ok(vec![]));
    let read = ask(&mut disk, Operation::Read { first: 0, sectors: 2 });
    assert_eq!(read, Ok([[1; 512], [9; 512]].concat()));
    assert_eq!(ask(&mut disk, Operation::Flush), Ok(vec![]));
    assert_eq!(disk.tape().len(), 6);
}

#[test]
fn bad_requests_are_answered_too() {
    let mut disk = Memory::new(vec![0; 1024], false);
    for (first, sectors) in [(2, 1), (1, 2), (u64::MAX, 1), (0, u32::MAX)] {
        assert_eq!(ask(&mut disk, Operation::Read { first, sectors }), Err(BlockError::OutOfRange));
    }
    let odd = Operation::Write { first: 0, data: vec![0; 100] };
    assert_eq!(ask(&mut disk, odd), Err(BlockError::OutOfRange));
    let mut rom = Memory::new(vec![0; 512], true);
    let write = Operation::Write { first: 0, data: vec![0; 512] };
    assert_eq!(ask(&mut rom, write.clone()), Err(BlockError::ReadOnly));
    assert_eq!(ask(&mut Null::default(), write), Err(BlockError::NoMedium));
}

#[test]
fn answers_of_a_remote_medium_are_checked() {
    let remote = Remote::new(Medium { sectors: 8, read_only: false });
    let mut disk = remote.clone();
    let mut ask = |id, operation| disk.submit(Request { id: RequestId(id), operation });
    ask(7, Operation::Read { first: 0, sectors: 2 });
    ask(7, Operation::Read { first: 7, sectors: 1 });
    ask(8, Operation::Write { first: 7, data: vec![1; SECTOR] });
    ask(9, Operation::Flush);
    ask(10, Operation::Read { first: 7, sectors: 2 });
    let refused = Completion { id: RequestId(10), result: Err(BlockError::OutOfRange) };
    assert_eq!(disk.poll(), Some(refused));
    let answer = |id, len| remote.answer(Completion { id, result: Ok(vec![3; len]) });
    // Nothing has been taken out, so nothing can be an answer.
    answer(RequestId(0), 2 * SECTOR);
    assert_eq!(disk.poll(), None);

    let taken: Vec<_> = remote.take_requests().into_iter().map(|request| request.id).collect();
    assert_eq!((taken.len(), remote.open(), remote.take_requests()), (4, 4, vec![]));
    let [first, second, write, flush] = taken[..] else { panic!("four requests") };
    answer(RequestId(u64::MAX), 0);
    answer(flush, 0);
    answer(second, SECTOR);
    answer(second, SECTOR);
    answer(first, SECTOR);
    answer(write, 1);
    let mut answers = std::iter::from_fn(|| disk.poll()).map(|Completion { id, result }| (id.0, result));
    assert_eq!(answers.next(), Some((9, Ok(vec![]))));
    assert_eq!(answers.next(), Some((7, Ok(vec![3; SECTOR]))));
    assert_eq!(answers.next(), Some((7, Err(BlockError::Failed))));
    assert_eq!(answers.next(), Some((8, Err(BlockError::Failed))));
    assert_eq!(answers.next(), None);
}

#[test]
fn a_remote_medium_forgets() {
    let remote = Remote::new(Medium { sectors: 1, read_only: true });
    let mut disk = remote.clone();
    let read = Request { id: RequestId(1), operation: Operation::Read { first: 0, sectors: 1 } };
    let write = Operation::Write { first: 0, data: vec![0; SECTOR] };
    assert_eq!(ask(&mut disk, write), Err(BlockError::ReadOnly));
    disk.submit(read.clone());
    let old = remote.take_requests();
    remote.forget();
    disk.submit(read);
    let new = remote.take_requests();
    for (request, byte) in old.iter().chain(&new).zip([1, 2]) {
        remote.answer(Completion { id: request.id, result: Ok(vec![byte; SECTOR]) });
    }
    // The device's number is the same; the answer is the new one's.
    assert_eq!(disk.poll(), Some(Completion { id: RequestId(1), result: Ok(vec![2; SECTOR]) }));
    assert_eq!(disk.poll(), None);
}

#[test]
fn what_is_written_hides_the_source() {
    let source = Remote::new(Medium { sectors: 20, read_only: true });
    let mut disk = Overlay::new(source.clone());
    assert_eq!(disk.medium(), Some(Medium { sectors: 20, read_only: false }));
    assert_eq!(ask(&mut disk, Operation::Write { first: 6, data: vec![6; 4 * SECTOR] }), Ok(vec![]));
    assert_eq!(ask(&mut disk, Operation::Flush), Ok(vec![]));
    let read = ask(&mut disk, Operation::Read { first: 7, sectors: 3 });
    assert_eq!(read, Ok(vec![6; 3 * SECTOR]));
    assert_eq!(source.take_requests(), []);

    // Only what is missing is asked for; what is written meanwhile comes too late for it.
    disk.submit(Request { id: RequestId(5), operation: Operation::Read { first: 4, sectors: 4 } });
    assert_eq!(ask(&mut disk, Operation::Write { first: 5, data: vec![5; SECTOR] }), Ok(vec![]));
    let asked = source.take_requests();
    let [Request { id, operation: Operation::Read { first: 4, sectors: 2 } }] = asked[..] else {
        panic!("{asked:?}");
    };
    source.answer(Completion { id, result: Ok(vec![1; 2 * SECTOR]) });
    let read = [[1; 2 * SECTOR], [6; 2 * SECTOR]].concat();
    assert_eq!(disk.poll(), Some(Completion { id: RequestId(5), result: Ok(read) }));

    // The source is asked once, for all between the first gap and the last.
    disk.submit(Request { id: RequestId(6), operation: Operation::Read { first: 3, sectors: 8 } });
    let asked = source.take_requests();
    let [Request { id, operation: Operation::Read { first: 3, sectors: 8 } }] = asked[..] else {
        panic!("{asked:?}");
    };
    source.answer(Completion { id, result: Ok(vec![1; 8 * SECTOR]) });
    let read = [1, 1, 5, 6, 6, 6, 6, 1].map(|byte| [byte; SECTOR]).concat();
    assert_eq!(disk.poll(), Some(Completion { id: RequestId(6), result: Ok(read) }));
}

#[test]
fn an_overlay_refuses_what_its_source_would() {
    let mut none = Overlay::new(Box::new(Null::default()) as Box<dyn Block>);
    assert_eq!(none.medium(), None);
    for operation in [
        Operation::Read { first: 0, sectors: 0 },
        Operation::Write { first: 0, data: vec![] },
        Operation::Flush,
    ] {
        assert_eq!(ask(&mut none, operation), Err(BlockError::NoMedium));
    }
    let mut disk = Overlay::new(Memory::new(vec![0; 3 * SECTOR], true));
    for (first, sectors) in [(3, 1), (2, 2), (u64::MAX, 1), (u64::MAX, u32::MAX), (0, u32::MAX)] {
        assert_eq!(ask(&mut disk, Operation::Read { first, sectors }), Err(BlockError::OutOfRange));
    }
    for (first, len) in [(3, SECTOR), (u64::MAX, SECTOR), (0, 100)] {
        let write = Operation::Write { first, data: vec![0; len] };
        assert_eq!(ask(&mut disk, write), Err(BlockError::OutOfRange));
    }
    assert_eq!(ask(&mut disk, Operation::Read { first: 3, sectors: 0 }), Ok(vec![]));
    assert_eq!(disk.changes().bytes(), 0);
}

#[test]
fn changes_take_no_more_than_they_may() {
    let mut disk = Overlay::new(Memory::new(vec![0; 64 * SECTOR], true));
    disk.changes().limit(2 * 4096);
    let write = |first, sectors: usize| Operation::Write { first, data: vec![1; sectors * SECTOR] };
    assert_eq!(ask(&mut disk, write(0, 1)), Ok(vec![]));
    assert_eq!(ask(&mut disk, write(15, 2)), Err(BlockError::Failed));
    assert_eq!(ask(&mut disk, write(15, 1)), Ok(vec![]));
    assert_eq!(ask(&mut disk, write(0, 16)), Ok(vec![]));
    assert_eq!(disk.changes().bytes(), 2 * 4096);
    disk.changes().clear();
    assert_eq!(ask(&mut disk, Operation::Read { first: 0, sectors: 16 }), Ok(vec![0; 16 * SECTOR]));
}

#[test]
fn saved_changes_are_checked() {
    let mut disk = Overlay::new(Memory::new(vec![0; 12 * SECTOR], true));
    for first in [11, 2, 3] {
        assert_eq!(ask(&mut disk, Operation::Write { first, data: vec![7; SECTOR] }), Ok(vec![]));
    }
    let saved = disk.changes().save();
    assert_eq!(saved.len(), 8 + 9 + 2 * SECTOR + 9 + SECTOR);
    let other = Changes::new(12);
    assert_eq!(other.restore(&saved), Ok(()));
    assert_eq!(other.save(), saved);
    assert_eq!(Changes::new(13).restore(&saved), Err(ChangesError::OtherMedium { sectors: 12 }));
    for len in 0..saved.len() {
        let whole = len == 8 || len == 8 + 9 + 2 * SECTOR;
        assert_eq!(other.restore(&saved[..len]).is_ok(), whole, "{len} bytes");
        other.restore(&saved).expect("as before");
    }
    let second = 8 + 9 + 2 * SECTOR;
    // No sector; the same cluster twice; a cluster, a sector beyond the end.
    for (at, byte) in [(16, 0), (second, 0), (second, 2), (second + 7, 0xFF), (second + 8, 0x10)] {
        let mut bad = saved.clone();
        bad[at] = byte;
        assert_eq!(other.restore(&bad), Err(ChangesError::Malformed), "{byte} at {at}");
    }
    assert_eq!(other.save(), saved);
    let mut again = Overlay::with(Memory::new(vec![0; 12 * SECTOR], true), other.clone());
    let read = Operation::Read { first: 0, sectors: 12 };
    assert_eq!(ask(&mut again, read.clone()), ask(&mut disk, read));
    // Changes to another medium are not shown.
    assert_eq!(Overlay::with(Memory::new(vec![0; SECTOR], true), other).changes().bytes(), 0);
}

/// A source that answers late, in any order, and sometimes not as it should.
#[derive(Debug)]
struct Late {
    contents: Vec<u8>,
    random: Seeded,
    asked: Vec<Request>,
}

impl Block for Late {
    fn medium(&self) -> Option<Medium> {
        Some(Medium { sectors: (self.contents.len() / SECTOR) as u64, read_only: true })
    }

    fn submit(&mut self, request: Request) {
        self.asked.push(request);
    }

    fn poll(&mut self) -> Option<Completion> {
        let roll = self.random.next_u64();
        if self.asked.is_empty() || roll & 3 == 0 {
            return None;
        }
        if roll >> 2 & 15 == 0 {
            return Some(Completion { id: RequestId(u64::MAX), result: Ok(vec![9; SECTOR]) });
        }
        let Request { id, operation } = self.asked.swap_remove((roll >> 8) as usize % self.asked.len());
        let Operation::Read { first, sectors } = operation else { panic!("{operation:?} of a source") };
        let start = first as usize * SECTOR;
        let bytes = self.contents[start..start + sectors as usize * SECTOR].to_vec();
        let result = match roll >> 32 & 15 {
            0 => Err(BlockError::Failed),
            1 => Ok(bytes[1..].to_vec()),
            _ => Ok(bytes),
        };
        Some(Completion { id, result })
    }
}

/// Two overlays that differ only in when their sources answer, and how; each answer is checked.
struct Pair {
    disks: [Overlay<Late>; 2],
    /// What is not answered yet, and what it must be.
    open: [Vec<(RequestId, Vec<u8>)>; 2],
    good: usize,
    failed: usize,
}

impl Pair {
    fn new(contents: &[u8], seed: u64) -> Self {
        let disks = [seed + 1, seed + 2].map(|seed| {
            let random = Seeded::new(seed);
            Overlay::new(Late { contents: contents.to_vec(), random, asked: Vec::new() })
        });
        Self { disks, open: Default::default(), good: 0, failed: 0 }
    }

    fn submit(&mut self, request: &Request, answer: &[u8]) {
        for (disk, open) in self.disks.iter_mut().zip(&mut self.open) {
            disk.submit(request.clone());
            open.push((request.id, answer.to_vec()));
        }
    }

    /// Takes the answers that are there.
    fn poll(&mut self) {
        for (disk, open) in self.disks.iter_mut().zip(&mut self.open) {
            while let Some(Completion { id, result }) = disk.poll() {
                let at = open.iter().position(|(open, _)| *open == id).expect("one answer each");
                let (_, answer) = open.swap_remove(at);
                match result {
                    Ok(bytes) => {
                        assert!(bytes == answer, "{id:?}");
                        self.good += 1;
                    }
                    // Writes and flushes do not need the source, so they cannot fail by it.
                    Err(error) => {
                        assert_eq!((error, answer.is_empty()), (BlockError::Failed, false));
                        self.failed += 1;
                    }
                }
            }
        }
    }

    /// What was written follows from the requests alone, and can be saved and restored at any time.
    fn save_and_restore(&self) {
        let [one, two] = self.disks.each_ref().map(Overlay::changes);
        let saved = one.save();
        assert!(two.save() == saved);
        one.clear();
        assert_eq!(one.restore(&saved), Ok(()));
    }
}

/// Writes go to a plain vector as well; each read must give what that held when it was asked for, or fail.
fn against_a_vector(seed: u64) {
    let mut random = Seeded::new(seed);
    let sectors = 1 + random.next_u64() % 100;
    let mut plain = vec![0; sectors as usize * SECTOR];
    random.fill(&mut plain);
    let mut pair = Pair::new(&plain, seed);
    for id in (0..600).map(RequestId) {
        let roll = random.next_u64();
        let first = (roll >> 8) % sectors;
        let count = 1 + (roll >> 32) % (sectors - first).min(1 + (roll >> 24 & 31));
        let place = first as usize * SECTOR..(first + count) as usize * SECTOR;
        let (operation, answer) = match roll & 7 {
            0..=2 => {
                let data: Vec<u8> = random.next_u64().to_le_bytes().repeat(place.len() / 8);
                plain[place].copy_from_slice(&data);
                (Operation::Write { first, data }, vec![])
            }
            3 => (Operation::Flush, vec![]),
            _ => (Operation::Read { first, sectors: count as u32 }, plain[place].to_vec()),
        };
        pair.submit(&Request { id, operation }, &answer);
        if roll >> 60 != 0 {
            pair.poll();
        }
        if roll >> 48 & 31 == 0 {
            pair.save_and_restore();
        }
    }
    while !pair.open.iter().all(Vec::is_empty) {
        pair.poll();
    }
    assert!(pair.good > pair.failed && pair.good + pair.failed == 1200, "{} good", pair.good);
}

#[test]
fn an_overlay_is_a_vector_however_its_source_answers() {
    for seed in 0..100 {
        against_a_vector(seed * 1000);
    }
}
