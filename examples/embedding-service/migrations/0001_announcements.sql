-- What the shop announces to its customers: a table of the service, next to the receiver's schema `eqp`.
create table announcement (
    seq  bigint primary key,
    text text   not null
);
