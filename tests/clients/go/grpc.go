package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const service = "/conformance.Conformance/"

var patience = 20 * time.Second

type grpcClient struct{ channel *grpc.ClientConn }

func (c grpcClient) unary(ctx context.Context, method string, sent Message, options ...grpc.CallOption) (Message, error) {
	var answer Message
	err := c.channel.Invoke(ctx, method, &sent, &answer, options...)
	return answer, err
}

func (c grpcClient) stream(ctx context.Context, method string) (grpc.ClientStream, error) {
	return c.channel.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, service+method)
}

func grpcChecks(address string) []check {
	channel, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(codec{})))
	if err != nil {
		return []check{{"grpc-go", func() error { return err }}}
	}
	client := grpcClient{channel}
	within := func(run func(ctx context.Context) error) func() error {
		return func() error {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			return run(ctx)
		}
	}
	return []check{
		{"grpc-go: empty unary", within(client.emptyUnary)},
		{"grpc-go: large unary", within(client.largeUnary)},
		{"grpc-go: server's stream", within(client.serverStream)},
		{"grpc-go: caller's stream", within(client.callerStream)},
		{"grpc-go: empty stream", within(client.emptyStream)},
		{"grpc-go: ping-pong", within(client.pingPong)},
		{"grpc-go: cancel after begin", within(client.cancelAfterBegin)},
		{"grpc-go: cancel after the first response", within(client.cancelAfterFirst)},
		{"grpc-go: deadline on a sleeping handler", within(client.deadline)},
		{"grpc-go: metadata", within(client.metadata)},
		{"grpc-go: status code and message", within(client.status)},
		{"grpc-go: special characters in a status", within(client.special)},
		{"grpc-go: unimplemented method", within(client.unimplemented)},
		{"grpc-go: unknown service", within(client.unknown)},
		{"grpc-go: compressed requests and responses", within(client.compressed)},
	}
}

func (c grpcClient) emptyUnary(ctx context.Context) error {
	answer, err := c.unary(ctx, service+"Unary", Message{})
	return first(err, expect(answer.Text, ""))
}

func (c grpcClient) largeUnary(ctx context.Context) error {
	data := bytes.Repeat([]byte("salver"), 500_000)
	answer, err := c.unary(ctx, service+"Unary", Message{Data: data})
	return first(err, expect(bytes.Equal(answer.Data, data), true))
}

func receive(stream grpc.ClientStream) ([]Message, error) {
	var all []Message
	for {
		var answer Message
		if err := stream.RecvMsg(&answer); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return all, err
		}
		all = append(all, answer)
	}
}

func (c grpcClient) talk(ctx context.Context, method string, sent ...Message) ([]Message, error) {
	stream, err := c.stream(ctx, method)
	if err != nil {
		return nil, err
	}
	for _, each := range sent {
		if err := stream.SendMsg(&each); err != nil {
			return nil, err
		}
	}
	if err := stream.CloseSend(); err != nil {
		return nil, err
	}
	return receive(stream)
}

func (c grpcClient) serverStream(ctx context.Context) error {
	answers, err := c.talk(ctx, "Spread", Message{Number: 100})
	for number, answer := range answers {
		err = first(err, expect(answer.Number, number))
	}
	return first(err, expect(len(answers), 100))
}

func (c grpcClient) callerStream(ctx context.Context) error {
	answers, err := c.talk(ctx, "Gather", Message{Text: "a"}, Message{Text: "b"}, Message{Text: "c"})
	return first(err, expect(len(answers), 1), expect(answers[0].Text, "a,b,c"))
}

func (c grpcClient) emptyStream(ctx context.Context) error {
	answers, err := c.talk(ctx, "Chat")
	return first(err, expect(len(answers), 0))
}

func (c grpcClient) pingPong(ctx context.Context) error {
	stream, err := c.stream(ctx, "Chat")
	if err != nil {
		return err
	}
	for number := range 20 {
		var answer Message
		sent := Message{Number: number, Data: make([]byte, 1000*number)}
		err := first(stream.SendMsg(&sent), stream.RecvMsg(&answer), expect(answer.Number, number))
		if err = first(err, expect(len(answer.Data), len(sent.Data))); err != nil {
			return err
		}
	}
	closed := stream.CloseSend()
	rest, err := receive(stream)
	return first(closed, err, expect(len(rest), 0))
}

func (c grpcClient) cancelAfterBegin(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	stream, err := c.stream(ctx, "Gather")
	if err != nil {
		cancel()
		return err
	}
	cancel()
	_, err = receive(stream)
	return expect(status.Code(err), codes.Canceled)
}

func (c grpcClient) cancelAfterFirst(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.stream(ctx, "Chat")
	if err != nil {
		return err
	}
	var answer Message
	if err := first(stream.SendMsg(&Message{Text: "a"}), stream.RecvMsg(&answer)); err != nil {
		return err
	}
	cancel()
	_, err = receive(stream)
	return expect(status.Code(err), codes.Canceled)
}

func (c grpcClient) deadline(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	_, err := c.unary(ctx, service+"Unary", Message{Wish: "wait"})
	return expect(status.Code(err), codes.DeadlineExceeded)
}

func (c grpcClient) metadata(ctx context.Context) error {
	binary := string([]byte{0, 1, 254, 255})
	ctx = metadata.AppendToOutgoingContext(ctx, "x-plain", "a b", "x-data-bin", binary)
	var header, trailer metadata.MD
	for wish, told := range map[string]*metadata.MD{"greet": &header, "trail": &trailer} {
		_, err := c.unary(ctx, service+"Unary", Message{Wish: wish}, grpc.Header(&header), grpc.Trailer(&trailer))
		err = first(err, expect(told.Get("x-plain"), []string{"a b"}), expect(told.Get("x-data-bin"), []string{binary}))
		if err != nil {
			return fmt.Errorf("%s: %w", wish, err)
		}
	}
	return nil
}

func (c grpcClient) status(ctx context.Context) error {
	_, err := c.unary(ctx, service+"Unary", Message{Wish: "set", Text: "nothing there"})
	unary := first(expect(status.Code(err), codes.NotFound), expect(status.Convert(err).Message(), "nothing there"))
	answers, err := c.talk(ctx, "Spread", Message{Wish: "abort", Text: "no more", Number: 2})
	return first(unary, expect(len(answers), 2), expect(status.Code(err), codes.Aborted))
}

func (c grpcClient) special(ctx context.Context) error {
	text := "\t50 % of\nit, and BMP ☺ and non-BMP 😈\r\n"
	_, err := c.unary(ctx, service+"Unary", Message{Wish: "abort", Text: text})
	return first(expect(status.Code(err), codes.FailedPrecondition), expect(status.Convert(err).Message(), text))
}

func (c grpcClient) unimplemented(ctx context.Context) error {
	_, err := c.unary(ctx, service+"Unwritten", Message{})
	return expect(status.Code(err), codes.Unimplemented)
}

func (c grpcClient) unknown(ctx context.Context) error {
	_, err := c.unary(ctx, "/no.Service/Method", Message{})
	return expect(status.Code(err), codes.Unimplemented)
}

func (c grpcClient) compressed(ctx context.Context) error {
	data := make([]byte, 100_000)
	answer, err := c.unary(ctx, service+"Unary", Message{Wish: "compress", Data: data}, grpc.UseCompressor("gzip"))
	return first(err, expect(len(answer.Data), len(data)))
}
