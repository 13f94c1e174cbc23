//! What happens when the machine fails: killed processes, full disks, lost and damaged files, no descriptors left,
//! clocks that jump.

mod clock;
mod crash;
mod descriptors;
mod disk;
mod faketime;
mod files;
