//! Columns of tensors in frames: what they are in `meta`, their data in `payload` or in the arena.

use bytes::{BufMut, Bytes, BytesMut};
use salver_core::{DType, Data, Shape, Tensor, MAX_RANK};

use super::arena::{Incoming, Outgoing};
use super::frame::Meta;

/// From this size on a column goes through the arena.
const ARENA_FROM: usize = 32 * 1024;

/// From this size on data is sent from where it lies instead of being copied behind the meta part.
const SHARED_FROM: usize = 16 * 1024;

/// Inline columns begin at multiples of this.
const ALIGNMENT: usize = 64;

const INLINE: u8 = 0;
const IN_ARENA: u8 = 1;
const VALUES: u8 = 2;

/// Bytes that can be copied, and perhaps shared.
pub trait Source {
    /// How many bytes there are.
    fn size(&self) -> usize;

    /// Fills `target`, which has exactly the length.
    fn copy_to(&self, target: &mut [u8]);

    /// The bytes themselves, if they can outlive the call.
    fn share(&self) -> Option<Bytes> {
        None
    }
}

impl Source for Bytes {
    fn size(&self) -> usize {
        self.len()
    }

    fn copy_to(&self, target: &mut [u8]) {
        target.copy_from_slice(self);
    }

    fn share(&self) -> Option<Bytes> {
        Some(self.clone())
    }
}

/// Where data of a column lies.
pub enum Chunk<'a> {
    Bytes(&'a Bytes),
    Other(Box<dyn Source + 'a>),
}

impl Chunk<'_> {
    fn source(&self) -> &dyn Source {
        match self {
            Chunk::Bytes(bytes) => *bytes,
            Chunk::Other(source) => &**source,
        }
    }
}

/// One column to send: its rows may lie in several pieces, one after the other.
pub struct Column<'a> {
    pub dtype: DType,
    pub shape: Shape,
    /// Of fixed-size types the data in pieces; of text and bytes one for each value.
    pub data: Vec<Chunk<'a>>,
}

impl<'a> Column<'a> {
    /// The rows of several tensors of one type and row shape, one after the other.
    pub fn of(pieces: &[&'a Tensor]) -> Option<Column<'a>> {
        let first = pieces.first()?;
        let rows = pieces.iter().map(|piece| piece.rows()).sum();
        let data = |piece: &&'a Tensor| match piece.data() {
            Data::Fixed(bytes) => std::slice::from_ref(bytes),
            Data::Variable(values) => values.as_slice(),
        };
        let shape = Shape::batched(rows, first.shape().row());
        let data = pieces.iter().flat_map(data).map(Chunk::Bytes).collect();
        Some(Column { dtype: first.dtype(), shape, data })
    }
}

/// What follows a head: `meta` grows while columns are added, then comes the payload.
#[derive(Default)]
pub struct Body {
    pub meta: BytesMut,
    /// Payload in order; small pieces are gathered.
    chunks: Vec<Bytes>,
    open: BytesMut,
    size: usize,
}

impl Body {
    /// Adds columns: their number, then each.
    pub fn columns(&mut self, columns: &[Column<'_>], arena: &mut Outgoing) {
        self.meta.put_u16_le(columns.len() as u16);
        columns.iter().for_each(|column| self.column(column, arena));
    }

    fn column(&mut self, column: &Column<'_>, arena: &mut Outgoing) {
        let dtype = DType::ALL.iter().position(|&dtype| dtype == column.dtype).unwrap_or(0);
        self.meta.put_u8(dtype as u8);
        self.meta.put_u8(column.shape.rank() as u8);
        column.shape.dims().iter().for_each(|&dim| self.meta.put_u64_le(dim as u64));
        if column.dtype.is_variable() {
            return self.values(column);
        }
        let len: usize = column.data.iter().map(|piece| piece.source().size()).sum();
        let stored = (len >= ARENA_FROM).then(|| arena.put(len, |room| gather(&column.data, room))).flatten();
        self.meta.put_u8(if stored.is_some() { IN_ARENA } else { INLINE });
        self.meta.put_u64_le(len as u64);
        match stored {
            Some(offset) => self.meta.put_u64_le(offset as u64),
            None => {
                self.align();
                column.data.iter().for_each(|piece| self.append(piece.source()));
            }
        }
    }

    fn values(&mut self, column: &Column<'_>) {
        self.meta.put_u8(VALUES);
        for value in &column.data {
            self.meta.put_u32_le(value.source().size() as u32);
            self.append(value.source());
        }
    }

    fn align(&mut self) {
        let gap = (ALIGNMENT - self.size % ALIGNMENT) % ALIGNMENT;
        self.open.put_bytes(0, gap);
        self.size += gap;
    }

    fn append(&mut self, source: &dyn Source) {
        let len = source.size();
        self.size += len;
        if let Some(shared) = (len >= SHARED_FROM).then(|| source.share()).flatten() {
            self.chunks.push(self.open.split().freeze());
            self.chunks.push(shared);
            return;
        }
        let at = self.open.len();
        self.open.resize(at + len, 0);
        source.copy_to(&mut self.open[at..]);
    }

    /// How long the payload is, and its pieces.
    pub fn payload(mut self) -> (BytesMut, u64, Vec<Bytes>) {
        self.chunks.push(self.open.freeze());
        self.chunks.retain(|chunk| !chunk.is_empty());
        (self.meta, self.size as u64, self.chunks)
    }
}

fn gather(pieces: &[Chunk<'_>], mut room: &mut [u8]) {
    for piece in pieces {
        let (own, rest) = room.split_at_mut(piece.source().size());
        piece.source().copy_to(own);
        room = rest;
    }
}

/// Reads columns as [`Body::columns`] wrote them. `None` if they are not what they say.
pub struct Columns<'a> {
    pub meta: Meta,
    pub payload: Bytes,
    pub at: usize,
    pub arena: &'a Incoming,
}

impl Columns<'_> {
    pub fn read(&mut self) -> Option<Vec<Tensor>> {
        let count = self.meta.u16()?;
        (0..count).map(|_| self.column()).collect()
    }

    fn column(&mut self) -> Option<Tensor> {
        let dtype = *DType::ALL.get(usize::from(self.meta.u8()?))?;
        let rank = usize::from(self.meta.u8()?);
        let dims: Option<Vec<usize>> = (0..rank).map(|_| self.meta.size()).collect();
        let shape = Shape::new(dims.filter(|dims| dims.len() <= MAX_RANK)?);
        match (self.meta.u8()?, dtype.is_variable()) {
            (VALUES, true) => self.values(dtype, shape),
            (INLINE, false) => {
                let len = self.meta.size()?;
                self.at = self.at.checked_next_multiple_of(ALIGNMENT)?;
                let data = self.data(len)?;
                Tensor::fixed(dtype, shape, data)
            }
            (IN_ARENA, false) => {
                let len = self.meta.size()?;
                let data = self.arena.lease(self.meta.size()?, len)?;
                Tensor::fixed(dtype, shape, data)
            }
            _ => None,
        }
    }

    fn values(&mut self, dtype: DType, shape: Shape) -> Option<Tensor> {
        let count = shape.elements().filter(|&count| count <= self.meta.0.len() / 4)?;
        let mut values = Vec::with_capacity(count);
        for _ in 0..count {
            let len = self.meta.u32()? as usize;
            values.push(self.data(len)?);
        }
        Tensor::variable(dtype, shape, values)
    }

    fn data(&mut self, len: usize) -> Option<Bytes> {
        let end = self.at.checked_add(len).filter(|&end| end <= self.payload.len())?;
        let data = self.payload.slice(self.at..end);
        self.at = end;
        Some(data)
    }
}
