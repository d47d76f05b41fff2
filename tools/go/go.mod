// Chaos Mesh takes this folder by a `replace` line: see README.md.
module github.com/chaos-mesh/chaos-driver

go 1.19
