// What grpc-java sees of a server of tests/support/conformance.proto.
//
// Give it the server's address. It prints a line for each check, and fails if one of them does.

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ClientInterceptors;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.StreamObserver;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.LinkedHashMap;
import java.util.Objects;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;

public final class Client {
  private static final String SERVICE = "conformance.Conformance/";
  private static final int PATIENCE_S = 20;

  /** A Request or a Response, written by hand so that nothing is generated. */
  record Message(String wish, String text, byte[] data, int number) {
    static Message asking(String wish, String text) {
      return new Message(wish, text, new byte[0], 0);
    }

    static Message numbered(int number) {
      return new Message("", "", new byte[0], number);
    }
  }

  /** Writes requests and reads responses; a response's text is field 1, a request's field 2. */
  private static final class Form implements MethodDescriptor.Marshaller<Message> {
    @Override
    public InputStream stream(Message message) {
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      bytes(out, 1, message.wish().getBytes(StandardCharsets.UTF_8));
      bytes(out, 2, message.text().getBytes(StandardCharsets.UTF_8));
      bytes(out, 3, message.data());
      out.write(4 << 3);
      varint(out, message.number());
      return new ByteArrayInputStream(out.toByteArray());
    }

    private static void bytes(ByteArrayOutputStream out, int field, byte[] value) {
      out.write(field << 3 | 2);
      varint(out, value.length);
      out.writeBytes(value);
    }

    private static void varint(ByteArrayOutputStream out, int value) {
      for (; value >= 128; value >>>= 7) {
        out.write(value & 127 | 128);
      }
      out.write(value);
    }

    private static int varint(InputStream in) throws IOException {
      int value = 0;
      for (int shift = 0; ; shift += 7) {
        int next = in.read();
        value |= (next & 127) << shift;
        if (next < 128) {
          return value;
        }
      }
    }

    @Override
    public Message parse(InputStream in) {
      String text = "";
      byte[] data = new byte[0];
      int number = 0;
      try {
        for (int tag = in.read(); tag >= 0; tag = in.read()) {
          int value = varint(in);
          if ((tag & 7) == 0) {
            number = value;
          } else if (tag >> 3 == 1) {
            text = new String(in.readNBytes(value), StandardCharsets.UTF_8);
          } else {
            data = in.readNBytes(value);
          }
        }
      } catch (IOException broken) {
        throw new UncheckedIOException(broken);
      }
      return new Message("", text, data, number);
    }
  }

  interface Check {
    void run() throws Exception;
  }

  private final Channel channel;

  private Client(Channel channel) {
    this.channel = channel;
  }

  public static void main(String[] arguments) throws Exception {
    ManagedChannel channel = NettyChannelBuilder.forTarget(arguments[0]).usePlaintext().build();
    Map<String, Check> checks = new Client(channel).checks();
    int failed = 0;
    for (Map.Entry<String, Check> each : checks.entrySet()) {
      try {
        each.getValue().run();
        System.out.println("ok      grpc-java: " + each.getKey());
      } catch (Exception | AssertionError problem) {
        failed++;
        System.out.println("FAILED  grpc-java: " + each.getKey() + ": " + problem);
      }
    }
    channel.shutdown().awaitTermination(PATIENCE_S, TimeUnit.SECONDS);
    System.out.println(checks.size() + " checks, " + failed + " failed");
    System.exit(failed == 0 ? 0 : 1);
  }

  private Map<String, Check> checks() {
    Map<String, Check> checks = new LinkedHashMap<>();
    checks.put("empty unary", this::emptyUnary);
    checks.put("large unary", this::largeUnary);
    checks.put("server's stream", this::serverStream);
    checks.put("caller's stream", this::callerStream);
    checks.put("empty stream", this::emptyStream);
    checks.put("ping-pong", this::pingPong);
    checks.put("cancel after begin", this::cancelAfterBegin);
    checks.put("cancel after the first response", this::cancelAfterFirst);
    checks.put("deadline on a sleeping handler", this::deadline);
    checks.put("metadata", this::metadata);
    checks.put("status code and message", this::status);
    checks.put("special characters in a status", this::special);
    checks.put("unimplemented method", () -> refused(SERVICE + "Unwritten", Message.numbered(0), Status.Code.UNIMPLEMENTED));
    checks.put("unknown service", () -> refused("no.Service/Method", Message.numbered(0), Status.Code.UNIMPLEMENTED));
    checks.put("compressed requests and responses", this::compressed);
    return checks;
  }

  private static MethodDescriptor<Message, Message> method(String path, MethodType kind) {
    return MethodDescriptor.<Message, Message>newBuilder()
        .setType(kind)
        .setFullMethodName(path)
        .setRequestMarshaller(new Form())
        .setResponseMarshaller(new Form())
        .build();
  }

  private static CallOptions patient() {
    return CallOptions.DEFAULT.withDeadlineAfter(PATIENCE_S, TimeUnit.SECONDS);
  }

  private Message unary(Message sent, CallOptions options) {
    return ClientCalls.blockingUnaryCall(channel, method(SERVICE + "Unary", MethodType.UNARY), options, sent);
  }

  private StatusRuntimeException refused(String path, Message sent, Status.Code code) {
    try {
      ClientCalls.blockingUnaryCall(channel, method(path, MethodType.UNARY), patient(), sent);
    } catch (StatusRuntimeException refused) {
      expect(refused.getStatus().getCode(), code);
      return refused;
    }
    throw new AssertionError("it was answered");
  }

  private static void expect(Object got, Object wanted) {
    if (!Objects.equals(got, wanted)) {
      throw new AssertionError("got " + got + ", wanted " + wanted);
    }
  }

  private void emptyUnary() {
    expect(unary(Message.numbered(0), patient()).text(), "");
  }

  private void largeUnary() {
    byte[] data = new byte[3_000_000];
    Arrays.fill(data, (byte) 7);
    expect(Arrays.equals(unary(new Message("", "", data, 0), patient()).data(), data), true);
  }

  private void serverStream() {
    MethodDescriptor<Message, Message> spread = method(SERVICE + "Spread", MethodType.SERVER_STREAMING);
    Iterator<Message> answers =
        ClientCalls.blockingServerStreamingCall(channel, spread, patient(), Message.numbered(100));
    for (int number = 0; number < 100; number++) {
      expect(answers.next().number(), number);
    }
    expect(answers.hasNext(), false);
  }

  /** What a stream is answered with: messages, then how it ended. */
  private static final class Answers implements StreamObserver<Message> {
    final BlockingQueue<Object> all = new LinkedBlockingQueue<>();

    @Override
    public void onNext(Message message) {
      all.add(message);
    }

    @Override
    public void onError(Throwable problem) {
      all.add(Status.fromThrowable(problem));
    }

    @Override
    public void onCompleted() {
      all.add(Status.OK);
    }

    Object next() throws InterruptedException {
      Object next = all.poll(PATIENCE_S, TimeUnit.SECONDS);
      if (next == null) {
        throw new AssertionError("nothing came");
      }
      return next;
    }

    Message message() throws InterruptedException {
      Object next = next();
      if (next instanceof Message message) {
        return message;
      }
      throw new AssertionError("no message but " + next);
    }

    Status.Code end() throws InterruptedException {
      Object next = next();
      if (next instanceof Status status) {
        return status.getCode();
      }
      throw new AssertionError("no end but " + next);
    }
  }

  private void callerStream() throws Exception {
    Answers answers = new Answers();
    ClientCall<Message, Message> call =
        channel.newCall(method(SERVICE + "Gather", MethodType.CLIENT_STREAMING), patient());
    StreamObserver<Message> caller = ClientCalls.asyncClientStreamingCall(call, answers);
    for (String text : List.of("a", "b", "c")) {
      caller.onNext(Message.asking("", text));
    }
    caller.onCompleted();
    expect(answers.message().text(), "a,b,c");
    expect(answers.end(), Status.Code.OK);
  }

  private ClientCall<Message, Message> chat() {
    return channel.newCall(method(SERVICE + "Chat", MethodType.BIDI_STREAMING), patient());
  }

  private void emptyStream() throws Exception {
    Answers answers = new Answers();
    ClientCalls.asyncBidiStreamingCall(chat(), answers).onCompleted();
    expect(answers.end(), Status.Code.OK);
  }

  private void pingPong() throws Exception {
    Answers answers = new Answers();
    StreamObserver<Message> caller = ClientCalls.asyncBidiStreamingCall(chat(), answers);
    for (int number = 0; number < 20; number++) {
      caller.onNext(new Message("", "", new byte[1000 * number], number));
      Message answer = answers.message();
      expect(List.of(answer.number(), answer.data().length), List.of(number, 1000 * number));
    }
    caller.onCompleted();
    expect(answers.end(), Status.Code.OK);
  }

  private void cancelAfterBegin() throws Exception {
    Answers answers = new Answers();
    ClientCall<Message, Message> call = chat();
    ClientCalls.asyncBidiStreamingCall(call, answers);
    call.cancel("enough", null);
    expect(answers.end(), Status.Code.CANCELLED);
  }

  private void cancelAfterFirst() throws Exception {
    Answers answers = new Answers();
    ClientCall<Message, Message> call = chat();
    ClientCalls.asyncBidiStreamingCall(call, answers).onNext(Message.numbered(1));
    expect(answers.message().number(), 1);
    call.cancel("enough", null);
    expect(answers.end(), Status.Code.CANCELLED);
  }

  private void deadline() throws Exception {
    Answers answers = new Answers();
    CallOptions soon = CallOptions.DEFAULT.withDeadlineAfter(200, TimeUnit.MILLISECONDS);
    ClientCalls.asyncBidiStreamingCall(channel.newCall(method(SERVICE + "Chat", MethodType.BIDI_STREAMING), soon), answers);
    expect(answers.end(), Status.Code.DEADLINE_EXCEEDED);
  }

  private void metadata() {
    Metadata.Key<String> plain = Metadata.Key.of("x-plain", Metadata.ASCII_STRING_MARSHALLER);
    Metadata.Key<byte[]> binary = Metadata.Key.of("x-data-bin", Metadata.BINARY_BYTE_MARSHALLER);
    for (String wish : List.of("greet", "trail")) {
      Metadata sent = new Metadata();
      sent.put(plain, "a b");
      sent.put(binary, new byte[] {0, 1, -2, -1});
      AtomicReference<Metadata> headers = new AtomicReference<>();
      AtomicReference<Metadata> trailers = new AtomicReference<>();
      ClientInterceptor attach = MetadataUtils.newAttachHeadersInterceptor(sent);
      ClientInterceptor capture = MetadataUtils.newCaptureMetadataInterceptor(headers, trailers);
      Channel told = ClientInterceptors.intercept(channel, attach, capture);
      ClientCalls.blockingUnaryCall(
          told, method(SERVICE + "Unary", MethodType.UNARY), patient(), Message.asking(wish, ""));
      Metadata echoed = wish.equals("greet") ? headers.get() : trailers.get();
      expect(echoed.get(plain), "a b");
      expect(Arrays.toString(echoed.get(binary)), "[0, 1, -2, -1]");
    }
  }

  private void status() {
    StatusRuntimeException refused =
        refused(SERVICE + "Unary", Message.asking("set", "nothing there"), Status.Code.NOT_FOUND);
    expect(refused.getStatus().getDescription(), "nothing there");
    List<Message> answers = new ArrayList<>();
    try {
      MethodDescriptor<Message, Message> spread = method(SERVICE + "Spread", MethodType.SERVER_STREAMING);
      Message sent = new Message("abort", "no more", new byte[0], 2);
      ClientCalls.blockingServerStreamingCall(channel, spread, patient(), sent).forEachRemaining(answers::add);
      throw new AssertionError("it ended well");
    } catch (StatusRuntimeException aborted) {
      expect(List.of(answers.size(), aborted.getStatus().getCode()), List.of(2, Status.Code.ABORTED));
    }
  }

  private void special() {
    String text = "\t50 % of\nit, and BMP \u263a and non-BMP \ud83d\ude08\r\n";
    StatusRuntimeException refused =
        refused(SERVICE + "Unary", Message.asking("abort", text), Status.Code.FAILED_PRECONDITION);
    expect(refused.getStatus().getDescription(), text);
  }

  private void compressed() {
    Message sent = new Message("compress", "", new byte[100_000], 0);
    expect(unary(sent, patient().withCompression("gzip")).data().length, 100_000);
  }
}
