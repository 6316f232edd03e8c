package main

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// Message is a Request or a Response of tests/support/conformance.proto, written by hand so that nothing is generated.
// Both have numbers where the other has none: a response's text is field 1, a request's field 2.
type Message struct {
	Wish   string
	Text   string
	Data   []byte
	Number int
}

// codec writes requests and reads responses, for grpc-go and connect-go alike; and rich statuses, which connect-go reads by it.
type codec struct{}

func (codec) Name() string { return "proto" }

func (codec) Marshal(value any) ([]byte, error) {
	message, ok := value.(*Message)
	if !ok {
		return nil, fmt.Errorf("%T is no message", value)
	}
	var out []byte
	out = protowire.AppendTag(out, 1, protowire.BytesType)
	out = protowire.AppendString(out, message.Wish)
	out = protowire.AppendTag(out, 2, protowire.BytesType)
	out = protowire.AppendString(out, message.Text)
	out = protowire.AppendTag(out, 3, protowire.BytesType)
	out = protowire.AppendBytes(out, message.Data)
	out = protowire.AppendTag(out, 4, protowire.VarintType)
	return protowire.AppendVarint(out, uint64(message.Number)), nil
}

func (codec) Unmarshal(data []byte, value any) error {
	if status, ok := value.(proto.Message); ok {
		return proto.Unmarshal(data, status)
	}
	message, ok := value.(*Message)
	if !ok {
		return fmt.Errorf("%T is no message", value)
	}
	*message = Message{}
	for len(data) > 0 {
		number, kind, size := protowire.ConsumeTag(data)
		if size < 0 {
			return protowire.ParseError(size)
		}
		data = data[size:]
		if kind == protowire.VarintType {
			value, size := protowire.ConsumeVarint(data)
			if size < 0 {
				return protowire.ParseError(size)
			}
			message.Number, data = int(value), data[size:]
			continue
		}
		bytes, size := protowire.ConsumeBytes(data)
		if size < 0 {
			return protowire.ParseError(size)
		}
		data = data[size:]
		if number == 1 {
			message.Text = string(bytes)
		} else {
			message.Data = append([]byte(nil), bytes...)
		}
	}
	return nil
}
