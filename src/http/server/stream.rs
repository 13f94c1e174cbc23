//! A byte stream that reports its traffic to its connection.

use std::io::{IoSlice, Result};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::connection::Link;

pub(super) struct Stream<S> {
    inner: S,
    link: Arc<Link>,
    /// Our side is closed; what the peer still sends is discarded until it closes too.
    lingering: bool,
}

impl<S> Stream<S> {
    pub(super) fn new(inner: S, link: Arc<Link>) -> Self {
        Self { inner, link, lingering: false }
    }

    fn wrote<T>(&self, polled: Poll<Result<T>>) -> Poll<Result<T>> {
        self.link.activity.wrote(polled.is_ready());
        polled
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        if buf.filled().len() > before {
            self.link.activity.received();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.wrote(polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.wrote(polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_flush(cx);
        self.wrote(polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if !self.lingering {
            let polled = Pin::new(&mut self.inner).poll_shutdown(cx);
            ready!(self.wrote(polled))?;
            if !self.link.activity.closing() {
                return Poll::Ready(Ok(()));
            }
            self.lingering = true;
        }
        let mut space = [MaybeUninit::uninit(); 4096];
        loop {
            let mut unwanted = ReadBuf::uninit(&mut space);
            match ready!(Pin::new(&mut self.inner).poll_read(cx, &mut unwanted)) {
                Ok(()) if !unwanted.filled().is_empty() => {}
                _ => return Poll::Ready(Ok(())),
            }
        }
    }
}
