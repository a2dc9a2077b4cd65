# The library's interface: what is installed as <zebu/…>. A header that is not listed here is nobody's business but ours.
# Public headers include each other and third parties only; tests/outside compiles each of them alone.
set(ZEBU_PUBLIC_HEADERS
  arguments.h
  asio.h
  awaitable.h
  client.h
  client_request.h
  client_session.h
  consumer.h
  context.h
  convert.h
  error.h
  ids.h
  job.h
  rare.h
  registry.h
  task_failure.h)
# What client_session.h is made of. It changes without notice: use client_session.h.
set(ZEBU_PRIVATE_HEADERS
  asio.h
  wire/assembler.h
  wire/codec.h
  wire/flow.h
  wire/hearing.h
  wire/link.h
  wire/message.h
  wire/reach.h
  wire/socket.h)
