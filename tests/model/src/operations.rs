// SPDX-License-Identifier: GPL-2.0-only

//! Tests that the driver knows the kernel's operations by the right names.

use crate::{
    bindings,
    elevator::{block_layer::hand_over, block_layer::Owned},
    policy::{
        io::Io,
        operations::{OPERATIONS, OTHER},
    },
};

/// The kernel's operations, in the order of [`OPERATIONS`].
const IN_KERNEL: [(&str, u32); OPERATIONS.len()] = [
    ("read", bindings::req_op_REQ_OP_READ),
    ("write", bindings::req_op_REQ_OP_WRITE),
    ("discard", bindings::req_op_REQ_OP_DISCARD),
    ("secure_erase", bindings::req_op_REQ_OP_SECURE_ERASE),
    ("write_zeroes", bindings::req_op_REQ_OP_WRITE_ZEROES),
    ("zone_append", bindings::req_op_REQ_OP_ZONE_APPEND),
    ("zone_open", bindings::req_op_REQ_OP_ZONE_OPEN),
    ("zone_close", bindings::req_op_REQ_OP_ZONE_CLOSE),
    ("zone_finish", bindings::req_op_REQ_OP_ZONE_FINISH),
    ("zone_reset", bindings::req_op_REQ_OP_ZONE_RESET),
    ("zone_reset_all", bindings::req_op_REQ_OP_ZONE_RESET_ALL),
    ("flush", bindings::req_op_REQ_OP_FLUSH),
];

/// The number by which filters know an operation of the kernel.
fn number(operation: u32) -> u32 {
    let request = hand_over(Owned::new(1, operation));
    let number = Io::operation(&request);
    drop(Owned::dispatched(request));
    number
}

#[test]
fn filters_know_each_operation_by_its_name() {
    for (place, (name, operation)) in IN_KERNEL.into_iter().enumerate() {
        assert_eq!(OPERATIONS[place], name);
        assert_eq!(number(operation) as usize, place, "{name}");
    }
    assert_eq!(number(bindings::req_op_REQ_OP_DRV_IN), OTHER);
}
