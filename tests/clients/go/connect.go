package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"
)

type connectClient struct {
	http    connect.HTTPClient
	address string
	options []connect.ClientOption
}

func (c connectClient) to(method string) *connect.Client[Message, Message] {
	options := append([]connect.ClientOption{connect.WithCodec(codec{})}, c.options...)
	return connect.NewClient[Message, Message](c.http, "http://"+c.address+service+method, options...)
}

// connectChecks are those of connect-go, in its three protocols and over both versions of HTTP, where they go.
func connectChecks(address string) []check {
	var http1, http2 http.Protocols
	http1.SetHTTP1(true)
	http2.SetUnencryptedHTTP2(true)
	transports := map[string]*http.Client{
		"HTTP/1.1": {Transport: &http.Transport{Protocols: &http1}},
		"HTTP/2":   {Transport: &http.Transport{Protocols: &http2}},
	}
	protocols := map[string][]connect.ClientOption{
		"Connect":  nil,
		"gRPC":     {connect.WithGRPC()},
		"gRPC-Web": {connect.WithGRPCWeb()},
	}
	var checks []check
	for version, transport := range transports {
		for protocol, options := range protocols {
			if protocol == "gRPC" && version == "HTTP/1.1" {
				continue
			}
			client := connectClient{transport, address, options}
			runs := map[string]func(context.Context) error{
				"unary":                   client.unary,
				"compressed unary":        client.compressed,
				"server's stream":         client.serverStream,
				"caller's stream":         client.callerStream,
				"error with its metadata": client.failure,
				"metadata":                client.metadata,
				"deadline":                client.deadline,
				"cancel":                  client.cancel,
				"unimplemented method":    client.unimplemented,
			}
			if version == "HTTP/2" {
				runs["ping-pong"] = client.pingPong
			}
			for name, run := range runs {
				checks = append(checks, check{fmt.Sprintf("connect-go: %s over %s: %s", protocol, version, name), func() error {
					ctx, cancel := context.WithTimeout(context.Background(), patience)
					defer cancel()
					return run(ctx)
				}})
			}
		}
	}
	slices.SortFunc(checks, func(one, other check) int { return strings.Compare(one.name, other.name) })
	return checks
}

func (c connectClient) call(ctx context.Context, method string, sent Message) (Message, error) {
	answer, err := c.to(method).CallUnary(ctx, connect.NewRequest(&sent))
	if err != nil {
		return Message{}, err
	}
	return *answer.Msg, nil
}

func (c connectClient) unary(ctx context.Context) error {
	data := bytes.Repeat([]byte("salver"), 100_000)
	answer, err := c.call(ctx, "Unary", Message{Text: "a", Data: data, Number: 7})
	return first(err, expect(answer.Text, "a"), expect(answer.Number, 7), expect(bytes.Equal(answer.Data, data), true))
}

func (c connectClient) compressed(ctx context.Context) error {
	c.options = append([]connect.ClientOption{connect.WithSendGzip()}, c.options...)
	answer, err := c.call(ctx, "Unary", Message{Wish: "compress", Data: make([]byte, 100_000)})
	return first(err, expect(len(answer.Data), 100_000))
}

func (c connectClient) serverStream(ctx context.Context) error {
	stream, err := c.to("Spread").CallServerStream(ctx, connect.NewRequest(&Message{Number: 100}))
	if err != nil {
		return err
	}
	count := 0
	for stream.Receive() {
		if err := expect(stream.Msg().Number, count); err != nil {
			return err
		}
		count++
	}
	return first(stream.Err(), expect(count, 100), stream.Close())
}

func (c connectClient) callerStream(ctx context.Context) error {
	stream := c.to("Gather").CallClientStream(ctx)
	for _, text := range []string{"a", "b", "c"} {
		if err := stream.Send(&Message{Text: text}); err != nil {
			return err
		}
	}
	answer, err := stream.CloseAndReceive()
	if err != nil {
		return err
	}
	return expect(answer.Msg.Text, "a,b,c")
}

func (c connectClient) pingPong(ctx context.Context) error {
	stream := c.to("Chat").CallBidiStream(ctx)
	for number := range 20 {
		if err := stream.Send(&Message{Number: number}); err != nil {
			return err
		}
		answer, err := stream.Receive()
		if err != nil {
			return err
		}
		if err := expect(answer.Number, number); err != nil {
			return err
		}
	}
	if err := stream.CloseRequest(); err != nil {
		return err
	}
	_, err := stream.Receive()
	return first(expect(errors.Is(err, io.EOF), true), stream.CloseResponse())
}

func (c connectClient) failure(ctx context.Context) error {
	text := "not ☺ 50 %"
	_, err := c.call(ctx, "Unary", Message{Wish: "abort", Text: text})
	var told *connect.Error
	if !errors.As(err, &told) {
		return fmt.Errorf("no error but %v", err)
	}
	err = first(expect(told.Code(), connect.CodeFailedPrecondition), expect(told.Message(), text))
	_, rich := c.call(ctx, "Unary", Message{Wish: "rich"})
	if !errors.As(rich, &told) {
		return fmt.Errorf("no error but %v", rich)
	}
	return first(err, expect(told.Error(), "out_of_range: rich"), expect(told.Meta().Get("x-more"), "y"))
}

func (c connectClient) metadata(ctx context.Context) error {
	for _, wish := range []string{"greet", "trail"} {
		request := connect.NewRequest(&Message{Wish: wish})
		request.Header().Set("x-plain", "a b")
		request.Header().Set("x-data-bin", connect.EncodeBinaryHeader([]byte{0, 255}))
		answer, err := c.to("Unary").CallUnary(ctx, request)
		if err != nil {
			return err
		}
		told := answer.Header()
		if wish == "trail" {
			told = answer.Trailer()
		}
		binary, err := connect.DecodeBinaryHeader(told.Get("x-data-bin"))
		if err = first(err, expect(told.Get("x-plain"), "a b"), expect(binary, []byte{0, 255})); err != nil {
			return fmt.Errorf("%s: %w", wish, err)
		}
	}
	return nil
}

func (c connectClient) deadline(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	_, err := c.call(ctx, "Unary", Message{Wish: "wait"})
	return expect(connect.CodeOf(err), connect.CodeDeadlineExceeded)
}

func (c connectClient) cancel(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	stream, err := c.to("Spread").CallServerStream(ctx, connect.NewRequest(&Message{Wish: "wait", Number: 1}))
	if err != nil {
		cancel()
		return err
	}
	received := stream.Receive()
	cancel()
	for stream.Receive() {
		received = false
	}
	return first(expect(received, true), expect(connect.CodeOf(stream.Err()), connect.CodeCanceled))
}

func (c connectClient) unimplemented(ctx context.Context) error {
	for _, method := range []string{"Unwritten", "Nowhere"} {
		_, err := c.call(ctx, method, Message{})
		if err := expect(connect.CodeOf(err), connect.CodeUnimplemented); err != nil {
			return fmt.Errorf("%s: %w", method, err)
		}
	}
	return nil
}
