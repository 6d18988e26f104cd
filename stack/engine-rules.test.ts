import { describe, expect, it } from 'vitest';
import { Refused } from './container-options.ts';
import { allowedCall, type Grant } from './engine-rules.ts';

const rules = { image: 'registry.example/sandbox:1.0', workspace: '/am', owner: '1000:1000' };
const ID = 'a'.repeat(64);
const call = (method: string, target: string, grant: Grant = 'sandboxes') =>
	allowedCall(method, target, grant, rules);
const filters = (value: object): string => encodeURIComponent(JSON.stringify(value));
const OWN = filters({ label: ['agent-manager.instance=1'] });

describe('the app', () => {
	it.each<[string, string, string]>([
		['GET', '/version?', '/version'],
		[
			'GET',
			'/images/registry.example/sandbox:1.0/json',
			'/images/registry.example/sandbox:1.0/json'
		],
		['GET', '/containers/agent-session-1/json', `/containers/${ID}/json`],
		[
			'POST',
			'/containers/agent-session-1/kill?signal=SIGTERM',
			`/containers/${ID}/kill?signal=SIGTERM`
		],
		[
			'POST',
			'/containers/x/wait?condition=next-exit',
			`/containers/${ID}/wait?condition=next-exit`
		],
		['DELETE', '/containers/x?force=true&v=true', `/containers/${ID}?force=true&v=true`],
		['POST', `/exec/${ID}/start`, `/exec/${ID}/start`]
	])('may %s %s', (method, target, path) => {
		expect(call(method, target).path(ID)).toBe(path);
	});

	it('has only known parameters passed on', () => {
		const asked = call(
			'POST',
			`/containers/create?HostConfig=%7B%22Privileged%22%3Atrue%7D&name=a&Image=x`
		);
		expect(asked.path('')).toBe('/containers/create?name=a');
		expect(call('GET', `/containers/json?all=true&size=1&filters=${OWN}`).path('')).not.toContain(
			'size'
		);
	});

	it('has to name what it asks about', () => {
		expect(call('POST', '/containers/x/start')).toMatchObject({
			about: { container: 'x' },
			starts: true
		});
		expect(call('GET', `/exec/${ID}/json`)).toMatchObject({ about: { exec: ID } });
		const one = filters({ type: ['container'], container: [ID] });
		expect(call('GET', `/events?until=1&filters=${one}`)).toMatchObject({
			about: { container: ID }
		});
	});

	it.each<[string, string]>([
		['GET', '/'],
		['GET', '/containers/json'],
		['GET', `/containers/json?filters=${filters({})}`],
		['GET', `/containers/json?filters=${filters({ status: ['running'] })}`],
		['GET', `/containers/json?filters=${filters({ label: ['com.docker.compose.project'] })}`],
		['GET', `/containers/json?filters=${filters({ name: ['database'] })}`],
		['GET', `/containers/json?filters=${OWN}&filters=${filters({ status: ['running'] })}`],
		['GET', '/images/json'],
		['GET', '/images/debian/json'],
		['GET', '/images/registryXexample/sandbox:1.0/json'],
		['POST', '/images/create?fromImage=debian'],
		['DELETE', '/images/registry.example/sandbox:1.0'],
		['POST', '/build?t=registry.example/sandbox:1.0'],
		['GET', '/networks/bridge'],
		['POST', '/networks/create'],
		['GET', '/volumes'],
		['POST', '/volumes/create'],
		['POST', '/commit?container=x'],
		['POST', '/auth'],
		['GET', '/secrets'],
		['POST', '/swarm/init'],
		['POST', '/plugins/pull'],
		['POST', '/session'],
		['POST', '/grpc'],
		['GET', '/system/df'],
		['POST', '/containers/prune'],
		['GET', '/containers/x/archive?path=/'],
		['PUT', '/containers/x/archive?path=/'],
		['GET', '/containers/x/export'],
		['GET', '/containers/x/top'],
		['POST', '/containers/x/update'],
		['POST', '/containers/x/rename?name=y'],
		['POST', '/containers/x/restart'],
		['POST', '/containers/x/kill?signal=SIGHUP'],
		['POST', '/containers/x/kill?signal=SIGTERM&signal=SIGKILL'],
		['GET', '/containers/x/logs?follow=true'],
		['GET', '/containers/x/../../info'],
		['GET', '/containers/%2e%2e/json'],
		['GET', '/containers/x%2fy/json'],
		['GET', '//containers/x/json'],
		['GET', '/v1.41/containers/x/json'],
		['GET', 'http://other/containers/x/json'],
		['POST', '/exec/x/start'],
		['POST', `/exec/${ID}/resize`],
		['GET', '/events'],
		['GET', `/events?until=1&filters=${filters({ type: ['container'] })}`],
		['GET', `/events?until=1&filters=${filters({ type: ['image'], container: [ID] })}`],
		['GET', `/events?until=1&filters=${filters({ type: ['container'], container: [ID, ID] })}`],
		['HEAD', '/containers/x/archive?path=/'],
		['OPTIONS', '/info']
	])('may not %s %s', (method, target) => {
		expect(() => call(method, target)).toThrow(Refused);
	});
});

describe('the service that builds the image', () => {
	const t = 't=registry.example/sandbox:1.0';
	const args = `buildargs=${filters({ SDK_VERSION: '1' })}`;

	it('may build that one image', () => {
		const asked = call('POST', `/build?${t}&${args}&networkmode=host`, 'image');
		expect(asked).toMatchObject({ body: 'files', about: null });
		expect(new URLSearchParams(asked.path('').split('?')[1]).get('networkmode')).toBe('host');
	});

	it('has no parameter passed on that would reach further', () => {
		const asked = call(
			'POST',
			`/build?${t}&remote=http://169.254.169.254/&extrahosts=a:1&pull=1`,
			'image'
		);
		expect(asked.path('')).toBe('/build?t=registry.example%2Fsandbox%3A1.0');
	});

	it.each<[string, string]>([
		['POST', '/build'],
		['POST', '/build?t=postgres:17'],
		['POST', `/build?${t}&t=postgres:17`],
		['POST', `/build?${t}&networkmode=container:database`],
		['POST', `/build?${t}&buildargs=${filters({ HTTP_PROXY: 'x' })}`],
		['POST', `/build?${t}&labels=${filters({ 'com.docker.compose.project': 'x' })}`],
		['POST', `/build?${t}&labels=${filters({ 'agent-manager.stack': '/am' })}`],
		['POST', '/containers/create'],
		['GET', '/containers/x/json'],
		['POST', `/exec/${ID}/start`]
	])('may not %s %s', (method, target) => {
		expect(() => call(method, target, 'image')).toThrow(Refused);
	});
});
