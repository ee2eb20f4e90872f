-- What the shop tells its customers. The service's own table, beside the receiver's schema `eqp`.
create table announcement (
    seq  bigint primary key,
    text text   not null
);
