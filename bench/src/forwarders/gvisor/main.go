// A plain TCP forwarder over gVisor's stack: what tun2socks is, without its proxies. `gvisor FD MTU` takes the packets of a TUN link.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/fdbased"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// As tun2socks has it.
const bufferBytes = 20 << 10

func main() {
	fd, _ := strconv.Atoi(os.Args[1])
	mtu, _ := strconv.Atoi(os.Args[2])
	link, err := fdbased.New(&fdbased.Options{FDs: []int{fd}, MTU: uint32(mtu), PacketDispatchMode: fdbased.Readv})
	must(err)
	s := stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol},
	})
	sack, moderate := tcpip.TCPSACKEnabled(true), tcpip.TCPModerateReceiveBufferOption(true)
	mustTCP(s.SetTransportProtocolOption(tcp.ProtocolNumber, &sack))
	mustTCP(s.SetTransportProtocolOption(tcp.ProtocolNumber, &moderate))
	cubic := tcpip.CongestionControlOption("cubic")
	mustTCP(s.SetTransportProtocolOption(tcp.ProtocolNumber, &cubic))
	forwarder := tcp.NewForwarder(s, 0, 2048, func(r *tcp.ForwarderRequest) { go forward(r) })
	s.SetTransportProtocolHandler(tcp.ProtocolNumber, forwarder.HandlePacket)
	const nic = 1
	mustTCP(s.CreateNIC(nic, link))
	mustTCP(s.SetPromiscuousMode(nic, true))
	mustTCP(s.SetSpoofing(nic, true))
	s.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, NIC: nic}})
	fmt.Println("ready")
	s.Wait()
}

func forward(r *tcp.ForwarderRequest) {
	id := r.ID()
	server, err := net.Dial("tcp", net.JoinHostPort(id.LocalAddress.String(), strconv.Itoa(int(id.LocalPort))))
	if err != nil {
		r.Complete(true)
		return
	}
	var queue waiter.Queue
	endpoint, problem := r.CreateEndpoint(&queue)
	r.Complete(problem != nil)
	if problem != nil {
		server.Close()
		return
	}
	client := gonet.NewTCPConn(&queue, endpoint)
	done := make(chan struct{}, 2)
	pipe := func(to, from interface {
		io.ReadWriter
		CloseWrite() error
	}) {
		io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, make([]byte, bufferBytes))
		to.CloseWrite()
		done <- struct{}{}
	}
	go pipe(server.(*net.TCPConn), client)
	go pipe(client, server.(*net.TCPConn))
	<-done
	<-done
	client.Close()
	server.Close()
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func mustTCP(err tcpip.Error) {
	if err != nil {
		panic(err.String())
	}
}
