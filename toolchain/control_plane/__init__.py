"""What the control plane is told beyond kubeadm: whom it believes, what it allows, what it logs and encrypts."""
