//! Faults of the machine: killed processes, full disks, lost and damaged files, no free descriptors, clocks that jump.

mod clock;
mod crash;
mod descriptors;
mod disk;
mod faketime;
mod files;
